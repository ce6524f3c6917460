// Which function draws which kind of block. A block's script registers itself; main.js calls it.

const mounts = new Map();

export function register(kind, mount) {
  mounts.set(kind, mount);
}

export function mountOf(kind) {
  return mounts.get(kind);
}

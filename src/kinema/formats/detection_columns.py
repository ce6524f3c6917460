"""Which column of a table of detections is what: boxes in images, points on the ground, who, when and how surely."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAMES: dict[str, tuple[str, ...]] = {
    "frame": ("frame", "frameid", "frameindex", "framenumber", "frameidx", "frameno", "framenum", "imageid", "image"),
    "t_ns": ("tns", "gpsns"),
    "time": ("time", "timestamp", "utc", "t", "ts", "times", "timesec", "seconds", "unixtime", "datetime", "timeutc",
             "readtime", "readat", "timestamps", "stamp", "videotime", "elapsed", "elapseds"),
    "x_min": ("xmin", "x1", "left", "bbleft", "boxx1", "boxxmin", "bboxxmin", "bboxx1", "boxleft", "minx"),
    "y_min": ("ymin", "y1", "top", "bbtop", "boxy1", "boxymin", "bboxymin", "bboxy1", "boxtop", "miny"),
    "x_max": ("xmax", "x2", "right", "bbright", "boxx2", "boxxmax", "bboxxmax", "bboxx2", "boxright", "maxx"),
    "y_max": ("ymax", "y2", "bottom", "bbbottom", "boxy2", "boxymax", "bboxymax", "bboxy2", "boxbottom", "maxy"),
    "width": ("width", "w", "bbwidth", "boxw", "boxwidth", "bboxwidth", "bboxw", "bw"),
    "height": ("height", "h", "bbheight", "boxh", "boxheight", "bboxheight", "bboxh", "bh"),
    "cx": ("cx", "xcenter", "xcentre", "centerx", "centrex", "xc", "xcen", "boxcx"),
    "cy": ("cy", "ycenter", "ycentre", "centery", "centrey", "yc", "ycen", "boxcy"),
    "box": ("box", "bbox"),
    "north": ("north", "northm", "pnm", "northing", "nm", "yenu", "ynorth"),
    "east": ("east", "eastm", "pem", "easting", "em", "xenu", "xeast"),
    "x": ("x", "xm", "posx", "px", "worldx", "groundx"),
    "y": ("y", "ym", "posy", "py", "worldy", "groundy"),
    "lat": ("lat", "latitude", "latdeg", "latitudedeg"),
    "lon": ("lon", "lng", "longitude", "londeg", "longitudedeg", "long"),
    "range": ("range", "rangem", "distance", "distancem", "dist"),
    "bearing": ("bearing", "bearingdeg", "azimuth", "azimuthdeg", "az"),
    "sigma": ("sigma", "sigmam", "sd", "sdm", "accuracy", "accuracym", "std", "stdm"),
    "sd_n": ("sdn", "sdnm", "sigman", "sigmanm", "sigmanorthm"),
    "sd_e": ("sde", "sdem", "sigmae", "sigmaem", "sigmaeastm"),
    "cov_ne": ("covne", "covnem2"),
    "sigma_range": ("sigmarange", "sigmarangem", "rangesigma", "rangesigmam", "rangestd"),
    "sigma_bearing": ("sigmabearing", "sigmabearingdeg", "bearingsigma", "bearingsigmadeg", "bearingstd"),
    "score": ("confidence", "conf", "score", "prob", "probability"),
    "label": ("classid", "class", "category", "categoryid", "cls", "label", "type"),
    "id": ("trackerid", "trackid", "id", "objectid", "identity", "track", "object"),
    "tag": ("tag", "tagid", "bib", "chip", "chipid", "epc", "transponder", "tagnumber", "bibnumber"),
    "sigma_s": ("sigmas", "timesigma", "timesigmas"),
    "place": ("place", "gate", "reader", "line", "loop", "readerid", "gateid", "antenna", "location", "checkpoint"),
    "camera": ("camera", "cam", "cameraname", "cameraid", "sensor", "radar", "source", "stream", "video"),
}  # fmt: skip
_VECTOR = re.compile(r"^(appearance|embedding|emb|feature|feat|reid)[_.\[ ]*(\d+)\]?$")

CORNERS = ("x_min", "y_min", "x_max", "y_max")
SIZED = ("x_min", "y_min", "width", "height")
PLAIN = ("x", "y", "width", "height")
CENTRED = ("cx", "cy", "width", "height")
TEXTS = ("label", "tag", "place", "camera", "time", "box", "frame")


def plain(name: str) -> str:
    """A column's name without units in brackets, blanks and signs."""
    return re.sub(r"\[.*?\]|\(.*?\)|[\s_.\-/]", "", name.strip().strip('"')).lower()


def roles_of(names: Sequence[str]) -> dict[str, int]:
    """Column of each role that the names tell, the first that fits."""
    at: dict[str, int] = {}
    for k, name in enumerate(names):
        at.setdefault(plain(name), k)
    return {role: next(at[w] for w in words if w in at) for role, words in _NAMES.items() if set(words) & at.keys()}


def appearance_of(names: Sequence[str]) -> list[int]:
    """Columns of an appearance vector, in order."""
    found = [(int(m[2]), k) for k, name in enumerate(names) if (m := _VECTOR.match(name.strip().lower()))]
    return [k for _, k in sorted(found)]


def box_roles(roles: dict[str, int]) -> tuple[str, ...]:
    """The four roles that make a box, or ("box",), or none."""
    for four in (CORNERS, SIZED, CENTRED, PLAIN):
        if set(four) <= set(roles):
            return four
    return ("box",) if "box" in roles else ()


def place_roles(roles: dict[str, int]) -> tuple[str, ...]:
    """The two roles that make a place on the ground, or none."""
    for two in (("north", "east"), ("lat", "lon"), ("range", "bearing"), ("x", "y")):
        if set(two) <= set(roles):
            return two
    return ()


def is_table_of(names: Sequence[str]) -> str:
    """ "boxes", "ground" or "reads" where the names are those of such a table, else ""."""
    roles = roles_of(names)
    when = {"frame", "time", "t_ns"} & set(roles)
    if box_roles(roles) and (when or {"score", "label", "id"} & set(roles)):
        return "boxes"
    place = place_roles(roles)
    who = {"tag", "id", "camera", "score"} & set(roles)
    # A track of one mover has latitude, longitude and time too; what tells detections is that they say who or which.
    if place and when and (place[0] in ("range", "north") or (who and not {"z", "height"} & _more(names))):
        return "ground"
    return "reads" if when and {"tag", "place"} <= set(roles) else ""


def _more(names: Sequence[str]) -> set[str]:
    return {word for name in names for word in ("z", "height") if plain(name) in (word, f"{word}m", "alt", "altitude")}

"""What a trajectory means and how good it is. Nothing here knows how a solution was made, so it judges anyone's."""

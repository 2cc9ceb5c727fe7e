"""What happens on the ground: coordinates, files, the record, the snapshot, who owns what, hotspots."""

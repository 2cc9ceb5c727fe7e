"""Pages for planners: folium lives here and nowhere else; pictures are drawn here, from our own ground."""

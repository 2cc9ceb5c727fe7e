"""Where cases gather: density over the plane, cells against their surroundings, clusters of cases.

Arrays in, arrays out: no database, no web, no files. Coordinates are metres in the city's metric CRS.
Cases without a usable location (missing, default point, wrong datum) and cases beyond the city are the
caller's to leave out; a NaN coordinate is an error here, so that none is counted by mistake.

============= ===========================================================================
density       kernel density in cases per hectare, exact or binned, edges corrected
plane         square cells: a measure on them, how many points each holds
hexagons      H3 cells: how many points each holds, which are neighbours
ground        cells of the plane that are allowed ground (in the city, not in the water)
neighbours    who is whose neighbour: contact, distance, squares
getis, moran  Gi* and local Moran of cells
trust         whether an analytic p can be trusted
permutation   p by dealing the counts out at random
discovery     false discovery rate
dbscan        labels of clusters by density
outlines      polygons that hold exactly the cases of a cluster
clusters      clusters with counts and ids that last
trend         Gi* of cells bin by bin of time, and what kind of hotspot that makes
compare       cells in two periods side by side
scan          the scan statistic: circles, in space and in time
knox          pairs of cases near in space and in time
measures      what cells hold that cases may be set against: road, components, kinds of ground
exposure      Gi* and local Moran of what is beyond expectation
rates         cases over exposure, smoothed, with intervals; intervals: exact ones; weighing: posteriors on steps;
              expected_rates: drawn towards what else is known of a cell, strayed cases told apart
whence        from which cells a case may have come; joint: all rates at once, given that; dealing: its steps
alerts        hotspots that appear, grow or end; looks: every circle held against what is usual there;
              usual: the past of a place, what is known of it, and how far to trust that
twomaps       what patrols find and what citizens report, and their ratio
stability     in what share of other grids, sizes and bandwidths a hotspot stands out too
============= ===========================================================================
"""

from gis.hotspots.clusters import Clusters, carry_ids, find_clusters
from gis.hotspots.compare import Change, compare
from gis.hotspots.density import KERNELS, Smoother, kde
from gis.hotspots.discovery import LEVEL, discovery_rate
from gis.hotspots.exposure import Excess, by_regression, gi_star_exposed, in_proportion, local_moran_exposed
from gis.hotspots.getis import GiStar, gi_star
from gis.hotspots.ground import allowed_cells
from gis.hotspots.moran import QUADRANTS, Moran, local_moran
from gis.hotspots.neighbours import band, contact, squares
from gis.hotspots.plane import Grid, count_squares
from gis.hotspots.points import Bounds
from gis.hotspots.rates import Rates, empirical_bayes
from gis.hotspots.stability import Stability, survival
from gis.hotspots.trust import Evidence
from gis.hotspots.twomaps import TwoMaps, found_and_reported

__all__ = [
    "KERNELS",
    "LEVEL",
    "QUADRANTS",
    "Bounds",
    "Change",
    "Clusters",
    "Evidence",
    "Excess",
    "GiStar",
    "Grid",
    "Moran",
    "Rates",
    "Smoother",
    "Stability",
    "TwoMaps",
    "allowed_cells",
    "band",
    "by_regression",
    "carry_ids",
    "compare",
    "contact",
    "count_squares",
    "discovery_rate",
    "empirical_bayes",
    "find_clusters",
    "found_and_reported",
    "gi_star",
    "gi_star_exposed",
    "in_proportion",
    "kde",
    "local_moran",
    "local_moran_exposed",
    "squares",
    "survival",
]

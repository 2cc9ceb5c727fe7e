"""The tables that ship with Wanmi: class catalogue, crosswalk, limits, profiles. Rows, not code."""

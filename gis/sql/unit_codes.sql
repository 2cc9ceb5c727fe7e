-- Codes that unit grids ever had, whatever is believed now: none is given again. No parameters.
SELECT DISTINCT code FROM wanmi.units

"""The door to Sentinel-2: catalogues searched, offsets settled, scenes read and stacked, by STAC and GDAL."""

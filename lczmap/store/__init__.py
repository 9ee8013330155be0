"""The door to the disk: records of tiles, and the product that is published from them."""

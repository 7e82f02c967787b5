"""Networks that draw images from noise in one pass: textures (lesson 13) and solids (lesson 14)."""

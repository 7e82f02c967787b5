"""Style of images by the features of a network: transfer (lesson 11) and mixing (lesson 12)."""

"""Two generative adversarial networks of calorimeter showers, and how they are trained.

`published.py` is the 3DGAN of the papers, `demo.py` a small one of our own; each is a whole model: generator, its opponent,
losses and the order of updates. `recipe.py` holds the numbers of each, `step.py` carries out the updates on any number of
ranks, `build.py` chooses by preset and image shape.

Shapes are written as suffixes: N showers, C channels, X Y transverse cells, Z layers from the front, L latent numbers.
"""

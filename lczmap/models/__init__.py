"""The door to the neural networks: their plain forms, their fast forms, and the classifiers built on them."""

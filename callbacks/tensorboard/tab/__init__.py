"""The tab Layers of TensorBoard: layers by epochs, trainings side by side, and what is wrong with them."""

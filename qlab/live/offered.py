"""The trained networks that instruments offer, and their layers, as menus name them.

A network whose file is missing is offered, too: choosing it says how to get the file back.
"""

NETWORKS = {
    "lenet_300_100": "LeNet-300-100",
    "lenet_5": "LeNet-5",
    "mlp_784_128_10": "784-128-10",
}
LAYERS = {  # of each network; the last one's neurons are the classes
    "lenet_300_100": ("fc1", "fc2", "fc3"),
    "lenet_5": ("conv1", "conv2", "fc1", "fc2"),
    "mlp_784_128_10": ("fc1", "fc2"),
}
LAYER_MENU = {"all": "All layers", **{name: name for name in ("fc1", "fc2", "fc3")}}
LAYER_MENU |= {name: name for name in ("conv1", "conv2")}

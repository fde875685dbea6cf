"""The Pulumi plugin of package `hepburst`: the life of a training run on this machine, which no other provider has."""

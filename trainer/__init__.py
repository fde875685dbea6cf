"""Horovod trainer of 3DGAN: calorimeter showers learnt from Geant4. Knows no cloud."""

"""Calorimeter showers: their file format, its reader, and the Geant4 simulation that makes them."""

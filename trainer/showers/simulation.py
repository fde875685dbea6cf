"""One electron in, one shower out: Geant4 in this process.

Importing this module starts Geant4, so only the worker processes of `trainer.showers.generate` do it. Geant4 allows one
simulation a process.

The physics is Geant4's standard electromagnetic list without its data sets (which the wheel does not carry): photo-electric
effect, Compton scattering, conversion, multiple scattering (Urban), ionisation, annihilation, and bremsstrahlung by the
analytic relativistic model at all energies, where the standard list uses tabulated Seltzer-Berger spectra below 1 GeV. That
is the one difference. The wheel exposes no process classes to Python, so they are built through the C++ symbols that it
exports; this is why `geant4-pybind` is pinned.
"""

# mypy sees no types in the wheel, hence its ignores on the five classes that Geant4 calls back.
from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.showers import geant4
from trainer.showers.calorimeter import (
    BACK_PLATE_MM,
    CELL_MM,
    CUT_MM,
    LAYER_MM,
    NUM_CELLS,
    NUM_LAYERS,
    SILICON_MM,
    TUNGSTEN_MM,
    WIDTH_MM,
)
from trainer.showers.recipe import Electron

geant4.load()
import geant4_pybind as g  # noqa: E402 - after its environment is set

UPSTREAM_MM = 1.0
"""The electron starts this far before the front face, in air."""


class Simulation:
    """The calorimeter, ready to be shot at."""

    def __init__(self) -> None:
        self._manager = g.G4RunManagerFactory.CreateRunManager(g.G4RunManagerType.Serial)  # first: the others need it
        # References are kept: Geant4 holds bare pointers to all of these.
        self._detector, self._physics, self._actions = _Detector(), _Physics(), _Actions()
        g.G4EmParameters.Instance().SetVerbose(0)
        g.G4EmParameters.Instance().SetWorkerVerbose(0)
        for initialization in (self._detector, self._physics, self._actions):
            self._manager.SetUserInitialization(initialization)
        for command in ("/run/verbose 0", "/process/em/verbose 0", "/process/verbose 0"):
            g.G4UImanager.GetUIpointer().ApplyCommand(command)
        self._manager.Initialize()

    def shower(self, electron: Electron) -> NDArray[np.float32]:
        """Energy in each silicon cell, (51, 51, 25) in MeV. Equal electrons give equal showers, whatever came before."""
        self._actions.gun.electron = electron
        g.G4Random.setTheSeed(electron.engine_seed)
        self._manager.BeamOn(1)
        return self._actions.scorer.ecal_mev


def geant4_version() -> str:
    """As 11.4.1 (11.4 patch 01)."""
    number = int(g.G4VERSION_NUMBER)  # 1141
    return f"{number // 100}.{number // 10 % 10}.{number % 10}"


class _Detector(g.G4VUserDetectorConstruction):  # type: ignore[misc]
    def Construct(self) -> Any:  # noqa: N802 - Geant4's name
        materials = g.G4NistManager.Instance()
        tungsten, silicon, air = (materials.FindOrBuildMaterial(name) for name in ("G4_W", "G4_Si", "G4_AIR"))
        self._keep: list[Any] = [tungsten, silicon, air]
        half_world_mm = NUM_LAYERS * LAYER_MM + BACK_PLATE_MM + 50
        world = self._box("world", WIDTH_MM + 100, WIDTH_MM + 100, 2 * half_world_mm, air)
        layer = self._box("layer", WIDTH_MM, WIDTH_MM, LAYER_MM, air)
        plate = self._box("tungsten", WIDTH_MM, WIDTH_MM, TUNGSTEN_MM, tungsten)
        sensor = self._box("silicon", WIDTH_MM, WIDTH_MM, SILICON_MM, silicon)
        column = self._box("column", CELL_MM, WIDTH_MM, SILICON_MM, silicon)
        self._cell = self._box("cell", CELL_MM, CELL_MM, SILICON_MM, silicon)
        self._keep.append(g.G4PVReplica("column", column, sensor, g.kXAxis, NUM_CELLS, CELL_MM))
        self._keep.append(g.G4PVReplica("cell", self._cell, column, g.kYAxis, NUM_CELLS, CELL_MM))
        self._place(plate, (TUNGSTEN_MM - LAYER_MM) / 2, layer)
        self._place(sensor, -LAYER_MM / 2 + TUNGSTEN_MM + SILICON_MM / 2, layer)
        for number in range(NUM_LAYERS):
            self._place(layer, (number + 0.5) * LAYER_MM, world, number)
        back_plate = self._box("back plate", WIDTH_MM, WIDTH_MM, BACK_PLATE_MM, tungsten)
        self._place(back_plate, NUM_LAYERS * LAYER_MM + BACK_PLATE_MM / 2, world)
        return self._place(world, 0.0, None)

    def ConstructSDandField(self) -> None:  # noqa: N802
        sensitive = g.G4MultiFunctionalDetector("ecal")
        g.G4SDManager.GetSDMpointer().AddNewDetector(sensitive)
        scorer = g.G4PSEnergyDeposit3D("edep", NUM_LAYERS, NUM_CELLS, NUM_CELLS, 3, 1, 0)  # depths: layer, column, cell
        sensitive.RegisterPrimitive(scorer)
        self._cell.SetSensitiveDetector(sensitive)
        self._keep += [sensitive, scorer]

    def _box(self, name: str, x_mm: float, y_mm: float, z_mm: float, material: Any) -> Any:
        solid = g.G4Box(name, x_mm / 2, y_mm / 2, z_mm / 2)  # Geant4's unit of length is the mm
        volume = g.G4LogicalVolume(solid, material, name)
        self._keep += [solid, volume]
        return volume

    def _place(self, volume: Any, z_mm: float, mother: Any, copy: int = 0) -> Any:
        placed = g.G4PVPlacement(None, g.G4ThreeVector(0, 0, z_mm), volume, volume.GetName(), mother, False, copy, False)
        self._keep.append(placed)
        return placed


class _Physics(g.G4VUserPhysicsList):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.SetDefaultCutValue(CUT_MM)
        self.SetVerboseLevel(0)

    def ConstructParticle(self) -> None:  # noqa: N802
        g.G4Gamma.Gamma()
        g.G4Electron.Electron()
        g.G4Positron.Positron()
        g.G4Proton.Proton()  # Geant4 asks for its production cut

    def ConstructProcess(self) -> None:  # noqa: N802
        cxx = self._cxx = _Cxx()
        cxx.call("_ZN19G4PhysicsListHelper17AddTransportationEv", _pointer(cxx.physics_list_helper))
        gamma = cxx.pointer_from("_ZN7G4Gamma5GammaEv")
        for class_name, process in (
            ("21G4PhotoElectricEffect", "phot"),
            ("19G4ComptonScattering", "compt"),
            ("17G4GammaConversion", "conv"),
        ):
            electromagnetic = (ctypes.c_int, 2)  # G4ProcessType fElectromagnetic
            cxx.register(cxx.new(f"_ZN{class_name}C1ERK8G4String13G4ProcessType", cxx.string(process), electromagnetic), gamma)
        positron = cxx.pointer_from("_ZN10G4Positron8PositronEv")
        for particle in (cxx.pointer_from("_ZN10G4Electron8ElectronEv"), positron):
            cxx.register(cxx.new("_ZN21G4eMultipleScatteringC1ERK8G4String", cxx.string("msc")), particle)
            cxx.register(cxx.new("_ZN13G4eIonisationC1ERK8G4String", cxx.string("eIoni")), particle)
            cxx.register(self._bremsstrahlung(cxx), particle)
        cxx.register(cxx.new("_ZN19G4eplusAnnihilationC1ERK8G4String", cxx.string("annihil")), positron)

    @staticmethod
    def _bremsstrahlung(cxx: _Cxx) -> int:
        """The analytic model as first model too: Seltzer-Berger, the default there, reads tables that the wheel lacks."""
        process = cxx.new("_ZN17G4eBremsstrahlungC1ERK8G4String", cxx.string("eBrem"))
        model = cxx.new(
            "_ZN25G4eBremsstrahlungRelModelC1EPK20G4ParticleDefinitionRK8G4String", _pointer(None), cxx.string("eBremRel")
        )
        cxx.call("_ZN20G4VEnergyLossProcess10SetEmModelEP10G4VEmModeli", _pointer(process), _pointer(model), (ctypes.c_int, 0))
        return process

    def SetCuts(self) -> None:  # noqa: N802
        self.SetCutsWithDefault()


Argument = tuple[Any, Any]
"""A ctypes type and a value of it."""


def _pointer(address: int | None) -> Argument:
    return ctypes.c_void_p, address


class _Cxx:
    """Builds Geant4 objects through the wheel's exported C++ symbols (Itanium ABI: a constructor gets `this` first)."""

    OBJECT_BYTES = 16384
    """Zeroed room for one object; the largest process takes under 2 kB. Geant4 keeps its processes until the process ends."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(g.__file__)
        self._keep: list[Any] = []
        self.physics_list_helper = self.pointer_from("_ZN19G4PhysicsListHelper20GetPhysicsListHelperEv")

    def string(self, text: str) -> Argument:
        """A `G4String const&`: libstdc++'s std::string is pointer, length, and a union that we use as capacity."""
        data = text.encode()
        buffer = ctypes.create_string_buffer(data)
        layout = (ctypes.c_uint64 * 4)(ctypes.addressof(buffer), len(data), len(data), 0)
        self._keep += [buffer, layout]
        return _pointer(ctypes.addressof(layout))

    def new(self, constructor: str, *arguments: Argument) -> int:
        room = ctypes.create_string_buffer(self.OBJECT_BYTES)
        self._keep.append(room)
        self.call(constructor, _pointer(ctypes.addressof(room)), *arguments)
        return ctypes.addressof(room)

    def register(self, process: int, particle: int) -> None:
        symbol = "_ZN19G4PhysicsListHelper15RegisterProcessEP10G4VProcessP20G4ParticleDefinition"
        accepted = self.call(
            symbol, _pointer(self.physics_list_helper), _pointer(process), _pointer(particle), result=ctypes.c_bool
        )
        assert accepted, "Geant4 did not take a process: the wheel is another version than the one pinned"

    def pointer_from(self, symbol: str) -> int:
        address = self.call(symbol, result=ctypes.c_void_p)
        assert isinstance(address, int)
        return address

    def call(self, symbol: str, *arguments: Argument, result: Any = None) -> Any:
        function = self._library[symbol]
        function.restype = result
        function.argtypes = [kind for kind, _ in arguments]
        return function(*[value for _, value in arguments])


class _Gun(g.G4VUserPrimaryGeneratorAction):  # type: ignore[misc]
    electron: Electron

    def __init__(self) -> None:
        super().__init__()
        self._gun = g.G4ParticleGun(1)

    def GeneratePrimaries(self, event: Any) -> None:  # noqa: N802
        electron = self.electron
        towards_y, towards_z = math.cos(electron.theta_rad), math.sin(electron.theta_rad)
        start_y_mm = electron.y_mm - UPSTREAM_MM * towards_y / towards_z
        self._gun.SetParticleDefinition(g.G4Electron.Electron())
        self._gun.SetParticleEnergy(electron.energy_gev * g.GeV)
        self._gun.SetParticleMomentumDirection(g.G4ThreeVector(0, towards_y, towards_z))
        self._gun.SetParticlePosition(g.G4ThreeVector(electron.x_mm, start_y_mm, -UPSTREAM_MM))
        self._gun.GeneratePrimaryVertex(event)


class _Scorer(g.G4UserEventAction):  # type: ignore[misc]
    ecal_mev: NDArray[np.float32]

    def EndOfEventAction(self, event: Any) -> None:  # noqa: N802
        collection = g.G4SDManager.GetSDMpointer().GetCollectionID("ecal/edep")
        ecal_mev = np.zeros(NUM_LAYERS * NUM_CELLS * NUM_CELLS, np.float32)
        for cell, deposit in event.GetHCofThisEvent().GetHC(collection):
            ecal_mev[cell] = deposit / g.MeV
        self.ecal_mev = ecal_mev.reshape(NUM_LAYERS, NUM_CELLS, NUM_CELLS).transpose(1, 2, 0)


class _Actions(g.G4VUserActionInitialization):  # type: ignore[misc]
    def Build(self) -> None:  # noqa: N802
        self.gun, self.scorer = _Gun(), _Scorer()
        self.SetUserAction(self.gun)
        self.SetUserAction(self.scorer)

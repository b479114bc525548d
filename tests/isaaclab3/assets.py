"""Stand-ins for Isaac Lab 3.0's assets, which lie in a cloud, made of what newton bundles.

    python tests/isaaclab3/assets.py FOLDER      # then ISAACSIM_ASSET_ROOT=FOLDER

Cartpole and ant are newton's; the double pendulum, a second pole on the first, and the ground are
made here. They show that things run and learn, not what Isaac Sim would return.
"""

import sys
from pathlib import Path

import newton.examples
from pxr import Gf, Sdf, Usd, UsdPhysics

#: length of the double pendulum's first pole, in metres
POLE = 0.97

GROUND = """#usda 1.0
( defaultPrim = "Root"
  metersPerUnit = 1
  upAxis = "Z" )
def Xform "Root" {
    def Xform "Environment" {
        double3 xformOp:scale = (1, 1, 1)
        uniform token[] xformOpOrder = ["xformOp:scale"]
        def Mesh "Geometry" {
            int[] faceVertexCounts = [4]
            int[] faceVertexIndices = [0, 1, 2, 3]
            point3f[] points = [(-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0)]
            texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (
                interpolation = "vertex" )
        }
    }
    def Xform "GroundPlane" {
        def Plane "CollisionPlane" ( prepend apiSchemas = ["PhysicsCollisionAPI"] ) {
            uniform token axis = "Z"
            uniform token purpose = "guide"
        }
    }
}
"""


def write(folder: Path) -> None:
    """Fill ``folder`` as ``ISAACSIM_ASSET_ROOT`` expects it."""
    bundled = Path(newton.examples.get_asset_directory())
    robots = folder / "Isaac" / "IsaacLab" / "Robots" / "Classic"
    grid = "Isaac/IsaacLab/Environments/Grid/default_ground_plane_checker_v1"
    placed(folder / grid / "default_ground_plane.usda", GROUND)
    ant = folder / "Isaac" / "Robots" / "IsaacSim" / "Ant" / "ant_instanceable.usd"
    placed(ant, (bundled / "ant.usda").read_text())
    cartpole = (bundled / "cartpole_single_pendulum.usda").read_text()
    opened(placed(robots / "Cartpole" / "cartpole.usd", cartpole)).Save()
    stage = opened(placed(robots / "CartDoublePendulum" / "cart_double_pendulum.usd", cartpole))
    add_second_pole(stage)
    stage.Save()


def placed(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def opened(path: Path) -> Usd.Stage:
    stage = Usd.Stage.Open(str(path))
    stage.SetDefaultPrim(stage.GetPrimAtPath("/cartpole"))
    return stage


def add_second_pole(stage: Usd.Stage) -> None:
    """A copy of the cartpole's pole and of its joint, at the first pole's tip."""
    layer = stage.GetRootLayer()
    Sdf.CopySpec(layer, "/cartpole/pole", layer, "/cartpole/pendulum")
    place = stage.GetPrimAtPath("/cartpole/pendulum").GetAttribute("xformOp:translate")
    place.Set(Gf.Vec3d(place.Get()) + Gf.Vec3d(0, 0, POLE))
    name = "/cartpole/pole/pole_to_pendulum"
    Sdf.CopySpec(layer, "/cartpole/cart/cart_to_pole", layer, name)
    joint = UsdPhysics.RevoluteJoint(stage.GetPrimAtPath(name))
    joint.GetBody0Rel().SetTargets(["/cartpole/pole"])
    joint.GetBody1Rel().SetTargets(["/cartpole/pendulum"])
    joint.GetLocalPos0Attr().Set(Gf.Vec3f(0, 0, POLE))
    joint.GetLocalPos1Attr().Set(Gf.Vec3f(0, 0, 0))


if __name__ == "__main__":
    write(Path(sys.argv[1]))

"""Whether a driver can go on with a checkpoint, what is wrong where it cannot, and the ways out."""
from deploy.checkpoints.doctor.examine import Report, examine
from deploy.checkpoints.doctor.finding import Finding
from deploy.checkpoints.doctor.reading import Level, look

__all__ = ["Finding", "Level", "Report", "examine", "look"]

from wsol.boxes.iou import iou
from wsol.boxes.curve import finish_boxes

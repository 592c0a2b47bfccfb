// Package vpc is the lab's fabric: a switch that is a function, frame in,
// deliveries or a drop reason out, and the devices at its edge.
package vpc

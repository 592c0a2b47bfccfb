// Package ec2 is the lab's EC2: the Query API over one model of a region's
// state, which it renders for the fabric, the machines and the metadata service.
//
// Every action runs on a copy of the model that replaces the model only when
// the action succeeds and has been written to disk. So a refused call leaves
// nothing half done, DryRun is a call whose copy is thrown away, and readers
// never wait.
package ec2

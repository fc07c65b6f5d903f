// Package iampolicy works out the least IAM policy for a fleet file.
//
// In come a fleet file and what a run is to do with it; out come policy
// documents, for each target those of the credentials that reach it, and one for
// the base credentials where roles are to be assumed. Functions are named where
// the file names them; a wildcard stands only where a rule has one.
//
// The package is pure: it asks no AWS and knows of no function that the file
// does not speak of.
package iampolicy

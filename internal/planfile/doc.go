// Package planfile saves a plan and reads it back, so that what one person
// approved is exactly what another applies.
//
// In come a reconcile.Plan and the digests of the fleet files it was made from;
// out comes versioned JSON that ends in its own fingerprint. Decode refuses a
// file that was cut off or changed, and says which. It cannot tell who changed a
// file: the fingerprint is a checksum, not a signature.
//
// The package reads and writes no files, and decides nothing: whether a saved
// change still fits is reconcile.Recheck's answer.
package planfile

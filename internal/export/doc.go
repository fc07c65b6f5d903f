// Package export writes live records as the fleet file that a person would have
// written for them.
//
// In come targets with the functions that a survey saw there; out comes one
// fleet file: common values as defaults, entries with equal settings together,
// what is alike in all targets written once, with placeholders where targets
// differ only by account or region. A plan of that file against the same records
// is empty: what it declares is what AWS holds, in effect.
//
// What a fleet file cannot say is a comment in it, and counted. A record, or a
// function, that was not read is never taken for absent: nothing is declared for
// it. The package reads no network and decides nothing about any record.
package export

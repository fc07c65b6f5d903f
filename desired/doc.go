// Package desired turns fleet files into the declaration that a run works from.
//
// In come YAML files. Out comes a [Fleet]: for every target, sorted, what each
// event invoke config should say and which line of which file said so; or else
// [Problems], every one of them, each with its place, code and hint.
//
// # The model
//
// A [Target] is one AWS account in one region. Within it a [Name] is a function
// and a qualifier, and the two together are a [Key]: the identity of one event
// invoke config. What a config should hold is a [Config], a [Value] for each
// [Setting]. A setting without a value is not managed: AWS keeps what it has.
//
// Each setting of each config is decided by itself, by the strongest that speaks about it:
//
//	functions   exact entries: this function, this qualifier
//	rules       whatever functions match a pattern or have a tag; a later one wins
//	defaults    what the rules and entries of a file leave open
//
// Two more set nothing: ignore takes functions out of everything, and require
// states what must hold of them, whoever sets it. Between two files there is no order:
// two which differ about a setting are a problem.
//
// # Two steps
//
// [Load] reads and checks everything that the files alone can tell, and finds
// all of it at once. [Document.Resolve] makes the Fleet, given what exists. Rules choose among
// functions, so that they need an [Inventory]; [Document.Discoveries] says what has to be asked
// of which target. A target without an inventory is resolved as far as its exact entries go:
// what is not known is left out, and never guessed.
//
// # What holds
//
// The package reads files and nothing else: no network, no environment, and no clock. It prints
// nothing. The same input gives the same Fleet. A file is read in bounded memory and
// time, whatever is in it, and no input panics.
//
// Nothing that is written is silently without effect: an unknown key, a pattern
// that matches nothing, a rule that later rules override is a problem or a warning at its line.
// A code never changes its meaning, and [Explain] has its reason and what to write.
package desired

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
// Three kinds of places set settings, and each setting of each config is decided
// by itself, by the strongest of them that speaks about it:
//
//	functions   exact entries: this function, this qualifier
//	rules       whatever functions match a pattern or have a tag
//	defaults    what the rules and entries of a file leave open
//
// Two more set nothing: ignore takes functions out of everything, and require
// states what must hold of them, whoever sets it. A later rule wins over an
// earlier one of its file. Between two files there is no order, so that two
// which differ about a setting are a problem, and never a matter of their names.
//
// Every value of a Fleet has an [Origin], the line that decided it, since "why
// does it say that?" is the first question about any declaration of many lines.
//
// # Two steps
//
// [Load] reads and checks everything that the files alone can tell, and finds
// all of it at once: a person mends a file in one go. What it returns is a
// [Document], which never changes.
//
// [Document.Resolve] makes the Fleet, given what exists. Exact entries need to
// know nothing. Rules choose among functions, so that they need an [Inventory];
// [Document.Discoveries] says what has to be asked of which target, and asks for
// nothing that no rule uses. A target without an inventory is resolved as far as
// its exact entries go: what is not known is left out, and never guessed.
//
// # What holds
//
// The package reads files and nothing else: no network, no environment, and no
// clock, but for [Document.Expired], which is given the time. It prints nothing.
// Everything after the reading is a pure function of values, so the same input
// gives the same Fleet, byte for byte. A file is read in bounded memory and
// time, whatever is in it, and no input panics.
//
// Nothing that is written is silently without effect. An unknown key, a pattern
// that matches nothing, a default that nobody takes, a rule that later rules
// override wholly: each is a problem or a warning at its line. A code never
// changes its meaning, and [Explain] has its reason and what to write.
//
// The keys of the file stand in one table, by which Load decodes and from which
// [Schema] is printed; the settings stand in another, over which everything
// loops that handles them.
package desired

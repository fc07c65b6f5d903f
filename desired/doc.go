// Package desired turns fleet files into the declaration that a run works from.
//
// In come YAML files. Out comes a [Fleet]: for every target, sorted, what each
// event invoke config should say and which line of which file said so; or else
// [Problems], every one of them, each with its place, code and hint.
//
// The road has two steps. [Load] reads and checks everything that the files
// alone can tell. [Document.Resolve] lays defaults under rules under exact
// entries for the targets at hand; where rules choose functions by name or tag
// it needs an [Inventory], and [Document.Discoveries] says for which targets.
//
// The package reads files and nothing else: no network, no clock, no
// environment. It prints nothing. Everything after the reading is a pure
// function of values, so the same input gives the same Fleet, byte for byte.
package desired

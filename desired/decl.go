package desired

import (
	"strings"
	"unique"
)

// Document is what the files say, checked as far as they alone allow. It does
// not change after Load, and may be resolved any number of times.
type Document struct {
	files     []*fileDecl
	targets   []targetDecl
	rules     []ruleDecl
	functions []*functionDecl
	ignores   []ignoreDecl
	requires  []requireDecl

	guard             Guard
	undeclared        UndeclaredPolicy
	missing           MissingPolicy // of functions
	missingQualifiers MissingPolicy
	warnings          Problems // found by Load; Resolve adds its own

	locals         map[string]*local // by label; "" where no targets are declared
	sections       sections
	defaults       *source // those of all files; nil where there are none
	damagedTargets bool    // a target has a problem: nothing can be said about places
}

// sections remembers where the sections were found that may stand only once.
type sections struct{ targets, guard, undeclared, missing, missingQualifiers section }

// FileInfo names one file that was read. A run record keeps it, so that a run
// can be traced to the exact bytes it followed.
type FileInfo struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // lower-case hex
}

// Files lists what was read, sorted by path.
func (d *Document) Files() []FileInfo {
	infos := make([]FileInfo, len(d.files))
	for i, f := range d.files {
		infos[i] = f.info
	}
	return infos
}

// place is a position inside one file.
type place struct{ line, column int32 }

// text is a string of a file together with its place.
//
// Comparing two compares their places as well.
type text struct {
	value string
	place
}

// setting is one of the four fields as somebody wrote it: a number, or a
// destination with its placeholders still in it.
type setting struct {
	destination string
	number      int32
	place
	set bool
}

type settings [NumSettings]setting

// isZero reports whether no field was written.
func (s *settings) isZero() bool {
	for i := range s {
		if s[i].set {
			return false
		}
	}
	return true
}

// source is one place that speaks about fields: the defaults of a file, a rule
// or an exact entry.
//
// What is embedded says where it stands. Memory counts here: a large fleet has one for each
// entry, and so file and location are shared and the numbers are small.
type source struct {
	file     *fileDecl
	location unique.Handle[location]
	place
	index int32
	layer Layer
	fleet bool // defaults of all files
	set   settings
}

func (s *source) pos() Pos { return s.file.pos(s.place) }

// origin is where the source stands, in the form that reports keep.
func (s *source) origin() Origin {
	return Origin{location: s.location, line: s.line, index: s.index, layer: s.layer}
}

// fieldOrigin is the place of one field rather than of the whole source, and the
// template that stands there. An account or a region speaks for itself.
func (s *source) fieldOrigin(f Setting) Origin {
	o := s.origin()
	o.line = s.set[f].line
	if written := s.set[f].destination; strings.Contains(written, functionPlaceholder) || hasVariables(written) {
		l := o.location.Value()
		l.template = written
		o.location = unique.Make(l)
	}
	return o
}

// fileDecl is one file. Several YAML documents in it count as one file.
type fileDecl struct {
	info       FileInfo
	location   unique.Handle[location] // of what has no name of its own
	defaults   source
	defaultsAt section
	rules      int32 // how many it has so far, over all its YAML documents
	entries    int32
	ignores    int32
	requires   int32
}

func (f *fileDecl) pos(p place) Pos {
	return Pos{File: f.info.Path, Line: int(p.line), Column: int(p.column)}
}

// targetDecl is one item of targets: an account, or those of an organization, in one or
// more regions.
type targetDecl struct {
	file *fileDecl
	place
	name, account, role, externalID text
	organization                    *organizationDecl // nil where an account is named
	members                         []Target          // of the organization; nil until they are known
	regions                         []text
	vars                            []variableDecl
	quota, rateShare                float64
}

// variableDecl is one item of a target's vars.
type variableDecl struct{ name, value text }

// functionDecl is one item of functions.
type functionDecl struct {
	source
	writtenName, writtenQualifier text
	name                          ParsedName // zero where the name has variables; see local.name
	targets                       []text
	remove                        bool
}

// ruleDecl is one item of rules.
type ruleDecl struct {
	*source        // shared by the forms that the rule has in the targets
	id         int // among the rules of the document
	name       text
	selector   selector
	qualifiers []qualifier
}

// ignoreDecl is one item of ignore. It always takes out whole functions: a
// qualifier that nobody declares needs no ignoring.
type ignoreDecl struct {
	*source
	selector selector
	why      *Exception
	until    place
}

// section is a section that only one file may have, and where it was found.
type section struct {
	file *fileDecl
	place
}

func (o section) found() bool { return o.file != nil }

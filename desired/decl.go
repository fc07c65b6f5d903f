package desired

import (
	"fmt"
	"slices"
	"strings"
)

// Document is what the files say, checked as far as they alone allow. It does
// not change after Load, and may be resolved any number of times.
type Document struct {
	files     []*fileDecl
	targets   []targetDecl
	rules     []*ruleDecl // by layer, then in the order of the files
	functions []*functionDecl

	guard             Guard
	undeclared        UndeclaredPolicy
	missing           MissingPolicy // of functions
	missingQualifiers MissingPolicy
	warnings          Problems // found by Load; Resolve adds its own

	locals         map[string]*local // by label; "" where no targets are declared
	sections       map[string]Pos    // where those were found that may stand only once
	defaults       *source           // those of all files; nil where there are none
	damagedTargets bool              // a target has a problem: nothing can be said about places
}

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

// written is the text as it stands in the file; what was compiled from one has it too.
func (t text) written() text { return t }

// setting is a setting as somebody wrote it: a destination still has its placeholders in it.
type setting struct {
	Value
	place
}

type settings [NumSettings]setting

// isZero reports whether no setting was written.
func (s *settings) isZero() bool {
	for i := range s {
		if s[i].IsSet() {
			return false
		}
	}
	return true
}

// source is one place that speaks about settings: the defaults of a file, a rule
// or an exact entry.
//
// Memory counts here: a large fleet has one for each entry.
type source struct {
	file *fileDecl
	place
	index int32
	layer Layer
	fleet bool   // defaults of all files
	rule  string // the name of the rule; "" for what has none
	set   settings
}

func (s *source) pos() Pos { return s.file.pos(s.place) }

// origin is where the source stands, in the form that reports keep.
func (s *source) origin() Origin {
	return Origin{File: s.file.info.Path, Line: int(s.line), Layer: s.layer, Index: int(s.index), Rule: s.rule}
}

// fieldOrigin is the place of one setting rather than of the whole source, and the
// template that stands there. An account or a region speaks for itself.
func (s *source) fieldOrigin(f Setting) Origin {
	o := s.origin()
	o.Line = int(s.set[f].line)
	if written := s.set[f].Text(); strings.Contains(written, functionPlaceholder) || hasVariables(written) {
		o.Template = written
	}
	return o
}

// fileDecl is one file. Several YAML documents in it count as one file.
type fileDecl struct {
	info     FileInfo
	defaults source
	sections map[string]Pos
	counts   [LayerRequire + 1]int32 // how many items it has so far, over all its YAML documents
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
	unknown                         map[string]error  // by account: why the regions of a member are not known
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

// ruleDecl is one item of rules, ignore or require, as its layer says: something about the
// functions that its selector chooses.
type ruleDecl struct {
	*source // shared by the forms that the item has in the targets
	selector
	id        int  // among the items of the document
	variables bool // it has some, so that targets have forms of their own

	qualifiers []qualifier // of a rule
	why        *Exception  // of an item of ignore; nil where it has neither reason nor end
	until      place
	require    requirement // of an item of require
}

// describe is the item's name in quotes, or where it stands when it has none.
func (r *ruleDecl) describe() string {
	if r.rule != "" {
		return fmt.Sprintf("%q", r.rule)
	}
	return r.origin().LayerName()
}

// byLayer are the items of one layer.
func byLayer(items []*ruleDecl, l Layer) []*ruleDecl {
	return slices.DeleteFunc(slices.Clone(items), func(r *ruleDecl) bool { return r.layer != l })
}

package desired

// Document is what the files say, checked as far as they alone allow. It does
// not change after Load, and may be resolved any number of times.
type Document struct {
	files     []*fileDecl
	targets   []targetDecl
	rules     []ruleDecl
	functions []*functionDecl
	ignores   []ignoreDecl

	guard             Guard
	undeclared        UndeclaredPolicy
	missing           MissingPolicy // of functions
	missingQualifiers MissingPolicy
	warnings          Problems // found by Load; Resolve adds its own

	sections       sections
	damagedTargets bool // a target has a problem: nothing can be said about places
}

// sections remembers where the sections were found that may stand only once.
type sections struct{ targets, guard, undeclared, missing, missingQualifiers once }

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

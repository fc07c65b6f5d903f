package desired

import "path/filepath"

// LoadTargets reads fleet files for the sake of their targets alone: they may
// have no entries yet. None are in the result when the files declare none.
func (l Loader) LoadTargets(paths ...string) ([]TargetSpec, error) {
	l.maxBytes, l.maxNodes = maxFileBytes, aliasAllowance
	slashed := make([]string, len(paths))
	for i, p := range paths {
		slashed[i] = filepath.ToSlash(p)
	}
	d, out := &Document{}, &collector{}
	for _, name := range findFiles(osFiles{}, slashed, out) {
		l.loadFile(osFiles{}, name, d, out)
	}
	d.checkTargets(out)
	if ps := out.errors.problems(); ps != nil {
		return nil, ps
	}
	if !d.DeclaresTargets() {
		return nil, nil
	}
	return d.Targets(Target{})
}

// Dist makes what a release consists of: for each system and architecture an
// archive with the binary, shell completions and manual pages; deb and rpm
// packages; an SPDX bill of materials of each binary; checksums of it all.
//
// The same commit gives the same bytes, wherever and whenever it is built: no
// clock, no user, no folder of the machine gets into them.
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// release is one version of the program, and the folder that it is made in.
type release struct {
	version string // without the v of its tag
	commit  string
	made    time.Time // of the commit: the time in every file
	root    string    // of the repository
	out     string
	extra   []file // what goes beside every binary
}

// platform is a system and an architecture as Go names them.
type platform struct{ os, arch string }

var platforms = []platform{
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"linux", "amd64"}, {"linux", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// file is one file of an archive or a package.
type file struct {
	name string // with slashes
	mode fs.FileMode
	data []byte
}

func main() {
	r := &release{}
	flag.StringVar(&r.root, "root", "..", "the repository")
	flag.StringVar(&r.out, "out", "../dist", "the folder to write to; it is emptied first")
	flag.StringVar(&r.version, "version", "", "the version; empty: that of the commit's tag")
	flag.Parse()
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func (r *release) make() error {
	if err := r.identify(); err != nil {
		return err
	}
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "eventinvoke-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := r.collectExtra(work); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, p := range platforms {
		if err := r.pack(work, p); err != nil {
			return fmt.Errorf("%s/%s: %w", p.os, p.arch, err)
		}
	}
	return r.checksums()
}

// identify asks git what is being released. A changed tree is not a commit, and
// what is made of one could not be made again.
func (r *release) identify() error {
	git := func(args ...string) (string, error) {
		out, err := r.run(exec.Command("git", append([]string{"-C", r.root}, args...)...))
		return strings.TrimSpace(string(out)), err
	}
	changed, err := git("status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("the tree differs from its commit; commit or drop this first:\n%s", changed)
	}
	if r.commit, err = git("rev-parse", "--short=12", "HEAD"); err != nil {
		return err
	}
	made, err := git("show", "-s", "--format=%cI", "HEAD")
	if err != nil {
		return err
	}
	if r.made, err = time.Parse(time.RFC3339, made); err != nil {
		return err
	}
	r.made = r.made.UTC()
	if r.version == "" {
		if r.version, err = git("describe", "--tags", "--exact-match", "--match", "v[0-9]*"); err != nil {
			// As the go command calls a commit without a tag.
			r.version = "0.0.0-" + r.made.Format("20060102150405") + "-" + r.commit
		}
	}
	r.version = strings.TrimPrefix(r.version, "v")
	return nil
}

// collectExtra makes what goes beside every binary, with a build of this machine
// that has the verb for manual pages.
func (r *release) collectExtra(work string) error {
	tool := filepath.Join(work, "eventinvoke-man")
	if _, err := r.run(r.build(tool, "man", os.Environ()...)); err != nil {
		return err
	}
	man := filepath.Join(work, "man")
	if _, err := r.run(exec.Command(tool, "man", "--date", r.made.Format(time.DateOnly), man)); err != nil {
		return err
	}
	pages, err := os.ReadDir(man)
	if err != nil {
		return err
	}
	for _, page := range pages {
		if err := r.add("man/"+page.Name(), filepath.Join(man, page.Name())); err != nil {
			return err
		}
	}
	for _, shell := range []string{"bash", "fish", "powershell", "zsh"} {
		script, err := r.run(exec.Command(tool, "completion", shell))
		if err != nil {
			return err
		}
		r.extra = append(r.extra, file{"completions/eventinvoke." + shell, 0o644, script})
	}
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "NOTICE", "README.md"} {
		if err := r.add(name, filepath.Join(r.root, name)); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) add(name, from string) error {
	data, err := os.ReadFile(from)
	r.extra = append(r.extra, file{name, 0o644, data})
	return err
}

// build is the command that builds the program as it is released.
func (r *release) build(out, tags string, env ...string) *exec.Cmd {
	tags = strings.TrimPrefix(tags+",timetzdata,lambda.norpc,nethttpomithttp2", ",")
	// Without -buildvcs=false the binary would tell whether the clone knew its tags.
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-gcflags=github.com/aws/...=-l",
		"-ldflags", fmt.Sprintf("-s -w -buildid= -X main.linkedVersion=v%s -X main.linkedCommit=%s", r.version, r.commit),
		"-o", out, "./cmd/eventinvoke")
	cmd.Dir = r.root
	cmd.Env = append(env, "CGO_ENABLED=0", "GOFLAGS=")
	return cmd
}

// pack builds for one platform and writes all that is released for it.
func (r *release) pack(work string, p platform) error {
	name := "eventinvoke"
	if p.os == "windows" {
		name += ".exe"
	}
	path := filepath.Join(work, p.os+"_"+p.arch, name)
	if _, err := r.run(r.build(path, "", append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch)...)); err != nil {
		return err
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	base := fmt.Sprintf("eventinvoke_%s_%s_%s", r.version, p.os, p.arch)
	files := append([]file{{name, 0o755, binary}}, r.extra...)
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })

	var archive bytes.Buffer
	suffix, write := ".tar.gz", writeTarGz
	if p.os == "windows" {
		suffix, write = ".zip", writeZip
	}
	if err := write(&archive, base, files, r.made); err != nil {
		return err
	}
	if err := r.write(base+suffix, archive.Bytes()); err != nil {
		return err
	}
	bill, err := r.billOfMaterials(path, base, binary)
	if err != nil {
		return err
	}
	if err := r.write(base+".spdx.json", bill); err != nil {
		return err
	}
	if p.os != "linux" {
		return nil
	}
	for _, format := range []string{"deb", "rpm"} {
		data, err := r.linuxPackage(format, p.arch, path, work)
		if err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		if err := r.write(base+"."+format, data); err != nil {
			return err
		}
	}
	return nil
}

// checksums are of everything else in the folder, as sha256sum -c reads them.
func (r *release) checksums() error {
	made, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, f := range made {
		data, err := os.ReadFile(filepath.Join(r.out, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), f.Name())
	}
	return r.write("checksums.txt", []byte(sums.String()))
}

func (r *release) write(name string, data []byte) error {
	fmt.Printf("%10d  %s\n", len(data), name)
	return os.WriteFile(filepath.Join(r.out, name), data, 0o644)
}

// run gives what a command prints; what it complains of is in the error.
func (r *release) run(cmd *exec.Cmd) ([]byte, error) {
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, complaint.Bytes())
	}
	return out, nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/importer"
)

// importOptions are what the files of other tools do not say.
type importOptions struct {
	targets, vars []string
	stack         string
	file          string
	force         bool
}

func newImport(a *app) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Make a fleet file of Terraform, CloudFormation, SAM or Serverless",
		Long: `Read a terraform.tfstate, the output of "terraform show -json", a
CloudFormation or SAM template or a serverless.yml, and write one fleet file.
FILE may be - for standard input. Offline.

What a file does not say, such as a parameter, becomes a variable, and its
lines stay comments until --var gives it. Exit code 3: some lines are comments.`,
		Example: `  eventinvoke import terraform.tfstate --output-file fleet.yaml
  eventinvoke import template.yaml --target 111111111111/eu-west-1 \
      --stack shop --var Stage=prod`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importFiles(cmd.Context(), args, &o)
		},
	}
	cmd.Flags().StringArrayVar(&o.targets, "target", nil, "`ACCOUNT/REGION` of the functions; repeatable (default: as the source says, else that of the credentials)")
	cmd.Flags().StringArrayVar(&o.vars, "var", nil, "`NAME=VALUE` of a variable; repeatable; needs --target")
	cmd.Flags().StringVar(&o.stack, "stack", "", "`NAME` of the CloudFormation stack, to find functions with generated names")
	cmd.Flags().StringVar(&o.file, "output-file", "", "write the fleet file to `FILE`")
	cmd.Flags().BoolVar(&o.force, "force", false, "replace an --output-file that exists")
	return cmd
}

// options are the flags as the importer takes them.
func (o *importOptions) options() (importer.Options, error) {
	options := importer.Options{Stack: o.stack, Vars: map[string]string{}}
	for _, written := range o.targets {
		account, region, _ := strings.Cut(written, "/")
		t := desired.Target{Account: account, Region: region}
		if !t.Valid() {
			return options, fmt.Errorf("--target %q is not ACCOUNT/REGION, such as 111111111111/eu-west-1", written)
		}
		options.Targets = append(options.Targets, t)
	}
	for _, written := range o.vars {
		name, value, ok := strings.Cut(written, "=")
		if !ok || name == "" || value == "" {
			return options, fmt.Errorf("--var %q is not NAME=VALUE", written)
		}
		options.Vars[name] = value
	}
	if len(options.Vars) > 0 && len(options.Targets) == 0 {
		return options, errors.New("--var needs --target: in a fleet file variables stand under a target")
	}
	return options, nil
}

func (a *app) importFiles(_ context.Context, paths []string, o *importOptions) error {
	options, err := o.options()
	if err != nil {
		return err
	}
	if info, err := os.Stat(o.file); err == nil && info.Mode().IsRegular() && info.Size() > 0 && !o.force {
		return fmt.Errorf("--output-file %s is there; name another file, or replace it with --force", o.file)
	}
	var sources []importer.Source
	for _, path := range paths {
		source := importer.Source{Path: path}
		if path == "-" {
			source.Path = desired.StdinName
			source.Data, err = io.ReadAll(a.in)
		} else {
			source.Data, err = readNamed("", path, "a terraform.tfstate, the output of \"terraform show -json\", a template or a serverless.yml")
		}
		if err != nil {
			return err
		}
		sources = append(sources, source)
	}
	result, err := importer.Run(sources, options)
	if err != nil {
		return err
	}
	output := outputOptions{file: o.file}
	dest, err := output.open(a.out)
	if err != nil {
		return err
	}
	defer dest.drop()
	if _, err := dest.Write(result.Text); err != nil {
		return err
	}
	if err := dest.commit(); err != nil {
		return err
	}
	a.log.Info("imported", "entries", result.Entries, "open", result.Open)
	if result.Open > 0 {
		a.log.Warn("some lines of the file are comments, because something is not known offline or cannot be declared; they say what")
	}
	return partly(nil, result.Open > 0, nil)
}

package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/eventinvoke/eventinvoke/desired"
)

// invokeConfig is the type of Terraform's resource.
const invokeConfig = "aws_lambda_function_event_invoke_config"

// attributes are those of the resource, as state and terraform show have them. A number
// that was not set is 0 in the one and null in the other; the least age is 60, and
// retries that are not set are 2.
type attributes struct {
	Function     string      `json:"function_name"`
	Qualifier    string      `json:"qualifier"`
	Age          json.Number `json:"maximum_event_age_in_seconds"`
	Retries      json.Number `json:"maximum_retry_attempts"`
	Destinations []struct {
		OnFailure []destination `json:"on_failure"`
		OnSuccess []destination `json:"on_success"`
	} `json:"destination_config"`
}

type destination struct {
	Destination string `json:"destination"`
}

func (a *attributes) declaration(address string) declaration {
	d := declaration{from: address, function: literal(a.Function)}
	if a.Qualifier != "" && a.Qualifier != desired.Latest {
		d.qualifier = literal(a.Qualifier)
	}
	if a.Age != "" && a.Age != "0" {
		d.settings[desired.MaximumEventAgeInSeconds] = literal(a.Age.String())
	}
	if a.Retries != "" {
		d.settings[desired.MaximumRetryAttempts] = literal(a.Retries.String())
	}
	for _, to := range a.Destinations {
		for _, s := range to.OnSuccess {
			d.settings[desired.OnSuccess] = literal(s.Destination)
		}
		for _, f := range to.OnFailure {
			d.settings[desired.OnFailure] = literal(f.Destination)
		}
	}
	return d
}

// state is a state file, version 4.
// https://developer.hashicorp.com/terraform/internals/json-format has the form that
// terraform show prints; the file itself is documented by its source alone.
type state struct {
	Version   int `json:"version"`
	Resources []struct {
		Module    string `json:"module"`
		Mode      string `json:"mode"`
		Type      string `json:"type"`
		Name      string `json:"name"`
		Instances []struct {
			Index      any             `json:"index_key"`
			Attributes json.RawMessage `json:"attributes"`
			Deposed    string          `json:"deposed"`
		} `json:"instances"`
	} `json:"resources"`
}

func readState(data []byte) ([]declaration, error) {
	var s state
	if err := decode(data, &s); err != nil {
		return nil, err
	}
	if s.Version != 4 {
		return nil, fmt.Errorf("this is a state file of version %d, and only 4 is known; give the output of: terraform show -json", s.Version)
	}
	var all []declaration
	for _, r := range s.Resources {
		if r.Mode != "managed" || r.Type != invokeConfig {
			continue
		}
		address := r.Type + "." + r.Name
		if r.Module != "" {
			address = r.Module + "." + address
		}
		for _, i := range r.Instances {
			if i.Deposed != "" {
				continue // about to be deleted
			}
			one := address
			switch key := i.Index.(type) {
			case string:
				one += "[" + strconv.Quote(key) + "]"
			case json.Number:
				one += "[" + key.String() + "]"
			}
			d, err := readAttributes(i.Attributes, one)
			if err != nil {
				return nil, err
			}
			all = append(all, d)
		}
	}
	return all, nil
}

// shown is the output of terraform show -json.
type shown struct {
	Values struct {
		Root module `json:"root_module"`
	} `json:"values"`
}

type module struct {
	Resources []struct {
		Address string          `json:"address"`
		Mode    string          `json:"mode"`
		Type    string          `json:"type"`
		Values  json.RawMessage `json:"values"`
	} `json:"resources"`
	Children []module `json:"child_modules"`
}

func readShown(data []byte) ([]declaration, error) {
	var s shown
	if err := decode(data, &s); err != nil {
		return nil, err
	}
	return s.Values.Root.read()
}

func (m *module) read() ([]declaration, error) {
	var all []declaration
	for _, r := range m.Resources {
		if r.Mode != "managed" || r.Type != invokeConfig {
			continue
		}
		d, err := readAttributes(r.Values, r.Address)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	for i := range m.Children {
		inner, err := m.Children[i].read()
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	return all, nil
}

func readAttributes(raw json.RawMessage, address string) (declaration, error) {
	var a attributes
	if err := decode(raw, &a); err != nil {
		return declaration{}, fmt.Errorf("%s: %w", address, err)
	}
	return a.declaration(address), nil
}

// decode keeps numbers as they are written.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

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

// attributes are those of the resource, as state and terraform show have them.
type attributes struct {
	Function     string      `json:"function_name"`
	Region       string      `json:"region"` // since version 6 of the provider
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

// stateSettings are the attributes of the settings. It does not compile while a setting has
// no row.
//
// A number that was not set is 0 in a state and null in what terraform show prints; the
// least age is 60, and retries that are not set are 2.
var stateSettings [desired.NumSettings]func(*attributes) string = [...]func(*attributes) string{
	desired.MaximumRetryAttempts: func(a *attributes) string { return a.Retries.String() },
	desired.MaximumEventAgeInSeconds: func(a *attributes) string {
		if a.Age == "0" {
			return ""
		}
		return a.Age.String()
	},
	desired.OnSuccess: func(a *attributes) (arn string) {
		for _, to := range a.Destinations {
			for _, s := range to.OnSuccess {
				arn = s.Destination
			}
		}
		return arn
	},
	desired.OnFailure: func(a *attributes) (arn string) {
		for _, to := range a.Destinations {
			for _, f := range to.OnFailure {
				arn = f.Destination
			}
		}
		return arn
	},
}

func (a *attributes) declaration(address string) declaration {
	d := declaration{from: address, function: literal(a.Function)}
	if a.Qualifier != "" && a.Qualifier != desired.Latest {
		d.qualifier = literal(a.Qualifier)
	}
	for i, setting := range stateSettings {
		d.settings[i] = literal(setting(a))
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
		Provider  string `json:"provider"`
		Instances []struct {
			Index      any             `json:"index_key"`
			Attributes json.RawMessage `json:"attributes"`
			Deposed    string          `json:"deposed"`
		} `json:"instances"`
	} `json:"resources"`
}

func readState(path string, data []byte) ([]declaration, error) {
	var s state
	if err := decode(data, &s); err != nil {
		return nil, err
	}
	if s.Version != 4 {
		return nil, fmt.Errorf("this is a state file of version %d, and only 4 is known; give the output of: terraform show -json", s.Version)
	}
	t := terraform{path: path, seen: map[string]*sight{}}
	for _, r := range s.Resources {
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
			if err := t.add(resource{one, r.Mode, r.Type, r.Provider, i.Attributes}); err != nil {
				return nil, err
			}
		}
	}
	return t.located(), nil
}

// shown is the output of terraform show -json.
type shown struct {
	Values struct {
		Root module `json:"root_module"`
	} `json:"values"`
}

type module struct {
	Resources []resource `json:"resources"`
	Children  []module   `json:"child_modules"`
}

// resource is one instance. Its provider is a configuration in a state file; terraform
// show has the name alone, which two regions share.
type resource struct {
	Address  string          `json:"address"`
	Mode     string          `json:"mode"`
	Type     string          `json:"type"`
	Provider string          `json:"provider_name"`
	Values   json.RawMessage `json:"values"`
}

func readShown(path string, data []byte) ([]declaration, error) {
	var s shown
	if err := decode(data, &s); err != nil {
		return nil, err
	}
	t := terraform{path: path, shown: true, seen: map[string]*sight{}}
	if err := s.Values.Root.read(&t); err != nil {
		return nil, err
	}
	return t.located(), nil
}

func (m *module) read(t *terraform) error {
	for _, r := range m.Resources {
		if err := t.add(r); err != nil {
			return err
		}
	}
	for i := range m.Children {
		if err := m.Children[i].read(t); err != nil {
			return err
		}
	}
	return nil
}

// decode keeps numbers as they are written.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(into)
}

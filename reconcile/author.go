package reconcile

import (
	"slices"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Author is who made a call, and with what. All of it is text from outside: whoever
// may call AWS chooses their own names and user agent.
type Author struct {
	Principal string `json:"principal"` // the ARN, or the best that is known in its place
	Kind      string `json:"kind"`      // user, role, account or service; "" where that is not known
	Name      string `json:"name"`      // of that user, role, account or service
	Client    string `json:"client"`    // console, Terraform, CloudFormation, aws-cli and so on; "" if unknown
	Run       string `json:"run"`       // of eventinvoke, where it was one and named its session so; ""
	// Stack is the CloudFormation stack that owns the function, where it was the author.
	Stack string `json:"stack,omitempty"`
}

// String is "role deploy (Terraform)" or "role deploy (CloudFormation stack orders)", as much
// of it as is known, and "" for nothing.
func (a Author) String() string {
	who := a.Kind + " " + a.Name
	switch {
	case a.Run != "":
		who = "run " + a.Run
	case a.Name == "":
		who = a.Principal
	}
	switch {
	case a.Stack != "":
		who += " (" + a.Client + " stack " + a.Stack + ")"
	case a.Client != "":
		who += " (" + a.Client + ")"
	}
	return strings.TrimSpace(who)
}

// deploying are the clients that keep what they wrote in a template or a state.
var deploying = []string{"Terraform", "OpenTofu", "CloudFormation", "Pulumi", "Serverless"}

// Redeploys reports whether what the author wrote will be written again, at the next
// deployment from the same template or state.
func (a Author) Redeploys() bool { return slices.Contains(deploying, a.Client) }

// Authorship is who made a config what it is, as far as a witness tells.
type Authorship struct {
	desired.Key
	Author Author
	At     time.Time // to the second
	Call   string    // the API's operation, such as PutFunctionEventInvokeConfig
}

package report

import (
	"errors"
	"fmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// cause is an error in the parts that output shows.
type cause struct {
	Kind      string `json:"kind"`
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"request_id"`
	Hint      string `json:"hint"`

	op     string
	status int
}

// causeOf takes an error apart; a nil error has no cause.
func causeOf(err error) *cause {
	if err == nil {
		return nil
	}
	c := &cause{Kind: kindOf(err), Message: err.Error()}
	var call *reconcile.CallError
	if errors.As(err, &call) {
		c.Code, c.RequestID, c.Hint = call.Code, call.RequestID, call.Hint
		c.op, c.status = call.Op, call.Status
		switch {
		case call.Message != "":
			c.Message = call.Message
		case call.Err != nil:
			c.Message = call.Err.Error()
		default:
			c.Message = ""
		}
	}
	return c
}

// kindOf is the kind of a failed call, or one of the kinds that a run itself
// ends with.
func kindOf(err error) string {
	var guard *reconcile.GuardError
	var problems desired.Problems
	switch {
	case errors.As(err, &problems):
		return "fleet_file"
	case errors.As(err, &guard):
		return "guard"
	case errors.Is(err, reconcile.ErrIncomplete):
		return "incomplete"
	case errors.Is(err, reconcile.ErrErrorBudget):
		return "error_budget"
	}
	return reconcile.KindOf(err).String()
}

// line is "ResourceConflictException (409): text", as much of it as is known.
func (c *cause) line() string {
	head := c.Code
	if head != "" && c.status != 0 {
		head = fmt.Sprintf("%s (%d)", head, c.status)
	}
	switch {
	case head == "" && c.Message == "":
		return c.Kind
	case head == "":
		return c.Message
	case c.Message == "":
		return head
	}
	return head + ": " + c.Message
}

package awslambda

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// Writer changes one target. Its client cannot send anything but the three
// writes.
type Writer struct {
	conn   *Conn
	client *lambda.Client
}

var _ reconcile.Writer = (*Writer)(nil)

// NewWriter makes a Writer over a connection.
func NewWriter(c *Conn) *Writer { return &Writer{conn: c, client: c.client(writeOperations)} }

// Put implements reconcile.Writer.
func (w *Writer) Put(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.conn.about(opPut, name.Function, name.Qualifier)
	out, err := w.client.PutFunctionEventInvokeConfig(ctx, toWrite(name, c))
	if err != nil {
		return reconcile.Record{}, naming(c, about.failed(err))
	}
	return stored(about, out, out.ResultMetadata)
}

// Update implements reconcile.Writer.
func (w *Writer) Update(ctx context.Context, name desired.Name, c desired.Config) (reconcile.Record, error) {
	about := w.conn.about(opUpdate, name.Function, name.Qualifier)
	in := lambda.UpdateFunctionEventInvokeConfigInput(*toWrite(name, c))
	out, err := w.client.UpdateFunctionEventInvokeConfig(ctx, &in)
	if err != nil {
		return reconcile.Record{}, naming(c, about.failed(err))
	}
	return stored(about, out, out.ResultMetadata)
}

// Delete implements reconcile.Writer. Lambda gives one 404 for a missing
// function, qualifier and record: in each case there is no record, as asked.
func (w *Writer) Delete(ctx context.Context, name desired.Name) error {
	_, err := w.client.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigInput{
		FunctionName: &name.Function, Qualifier: qualifier(name),
	})
	if err == nil {
		return nil
	}
	err = w.conn.about(opDelete, name.Function, name.Qualifier).failed(err)
	if kind := reconcile.KindOf(err); kind == reconcile.KindRecordMissing || kind == reconcile.KindFunctionMissing {
		return nil
	}
	return err
}

// stored is the record that a write answered with, if it is the one asked for.
func stored(about call, out any, md middleware.Metadata) (reconcile.Record, error) {
	r, err := toRecord(about.target, about.name.Function, written(out))
	if err == nil && r.Qualifier != about.name.Qualifier {
		err = fmt.Errorf("the answer is about the qualifier %s, and %s was written", r.Qualifier, about.name.Qualifier)
	}
	if err != nil {
		return reconcile.Record{}, about.badAnswer(md, err)
	}
	return r, nil
}

// naming adds to a refusal the destination that it is about, where AWS's text names
// none: the only one that was sent, or for a text about S3 the bucket.
func naming(c desired.Config, err error) error {
	var e *reconcile.CallError
	if !errors.As(err, &e) || e.Kind != reconcile.KindRefused && e.Kind != reconcile.KindRole || strings.Contains(e.Message, "arn:") {
		return err
	}
	var sent []string
	for _, v := range c {
		if strings.HasPrefix(v.Text(), "arn:") && (!strings.Contains(e.Message, "S3") || strings.Contains(v.Text(), ":s3:")) {
			sent = append(sent, v.Text())
		}
	}
	e.Destination = strings.Join(sent, " ")
	return err
}

// InvokeLater asks Lambda to invoke a function by itself, and does not wait for it.
// This is how an invocation hands on what it has no time for; no run makes the call.
func InvokeLater(ctx context.Context, e Environment, function string, payload []byte) error {
	cfg, err := LoadConfig(ctx, e)
	if err != nil {
		return err
	}
	_, err = lambda.NewFromConfig(cfg).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(function), InvocationType: types.InvocationTypeEvent, Payload: payload})
	if err != nil {
		return AsCallError(function, err)
	}
	return nil
}

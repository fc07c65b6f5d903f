package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/eventinvoke/eventinvoke/internal/bucket"
)

// S3 keeps a history under a prefix of a bucket, with the conditional writes
// that S3 has had since 2024. It needs s3:ListBucket on the bucket, and
// s3:GetObject, s3:PutObject and s3:DeleteObject below the prefix.
func S3(client *s3.Client, bucket, prefix string) Store {
	return &bucketStore{client: client, bucket: bucket, prefix: strings.Trim(prefix, "/")}
}

type bucketStore struct {
	client *s3.Client
	bucket string
	prefix string // without slashes at its ends; "" for the whole bucket
}

func (b *bucketStore) String() string {
	return "s3://" + path.Join(b.bucket, b.prefix)
}

func (b *bucketStore) key(name string) *string { return new(path.Join(b.prefix, name)) }

func (b *bucketStore) Write(ctx context.Context, name string, data []byte, tag Tag) (Tag, error) {
	condition := &s3.PutObjectInput{IfMatch: new(string(tag))}
	if tag == "" {
		condition = &s3.PutObjectInput{IfNoneMatch: new("*")}
	}
	written, err := b.put(ctx, name, data, condition)
	switch {
	case tag == "" && errors.Is(err, errCondition):
		err = ErrExists
	case tag != "" && (errors.Is(err, errCondition) || errors.Is(err, ErrAbsent)):
		err = ErrChanged
	}
	return written, b.fail(ctx, writeOp(tag), name, err)
}

// put sends a conditional write. When the condition fails it looks whether the
// object holds data all the same: then an earlier attempt was done although
// its answer was lost.
func (b *bucketStore) put(ctx context.Context, name string, data []byte, in *s3.PutObjectInput) (Tag, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	in.Bucket, in.Key, in.ContentType = &b.bucket, b.key(name), new("application/json")
	var stored *s3.PutObjectOutput
	err := whileBusy(ctx, func() (err error) {
		in.Body = bytes.NewReader(data)
		stored, err = b.client.PutObject(ctx, in)
		return conditionOf(err)
	})
	if err == nil {
		return Tag(aws.ToString(stored.ETag)), nil
	}
	if errors.Is(err, errCondition) || errors.Is(err, ErrAbsent) {
		if found, tag, e := b.get(ctx, name); e == nil && bytes.Equal(found, data) {
			return tag, nil
		}
	}
	return "", err
}

func (b *bucketStore) Delete(ctx context.Context, name string, tag Tag) error {
	if err := checkName(name); err != nil {
		return err
	}
	// AWS holds the condition itself, and nothing comes between. Other servers do not know
	// If-Match here and delete whatever is there, so it is looked at first.
	err := whileBusy(ctx, func() error {
		out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: b.key(name)})
		switch {
		case err != nil:
		case Tag(aws.ToString(out.ETag)) != tag:
			return errCondition
		default:
			_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(name), IfMatch: new(string(tag))})
		}
		return conditionOf(err)
	})
	switch {
	case errors.Is(err, ErrAbsent):
		return nil
	case errors.Is(err, errCondition):
		err = ErrChanged
	}
	return b.fail(ctx, "delete", name, err)
}

func (b *bucketStore) Read(ctx context.Context, name string) ([]byte, Tag, error) {
	if err := checkName(name); err != nil {
		return nil, "", err
	}
	data, tag, err := b.get(ctx, name)
	return data, tag, b.fail(ctx, "read", name, err)
}

// maxObject bounds what is read of an object: the record of a large run has some megabytes.
const maxObject = 1 << 30

func (b *bucketStore) get(ctx context.Context, name string) ([]byte, Tag, error) {
	data, etag, err := bucket.Get(ctx, b.client, &s3.GetObjectInput{Bucket: &b.bucket, Key: b.key(name)}, maxObject)
	return data, Tag(etag), conditionOf(err)
}

func (b *bucketStore) List(ctx context.Context, folder string) ([]string, error) {
	keys, err := b.keys(ctx, folder)
	for i, key := range keys {
		keys[i], _, _ = cutPart(key)
	}
	return slices.Compact(keys), b.fail(ctx, "list", folder, err)
}

func (b *bucketStore) Folders(ctx context.Context, folder string) ([]string, error) {
	prefix := b.below(folder)
	var names []string
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &prefix, Delimiter: new("/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, b.fail(ctx, "list", folder, conditionOf(err))
		}
		for _, below := range page.CommonPrefixes {
			names = append(names, path.Base(*below.Prefix))
		}
	}
	slices.Sort(names)
	return names, nil
}

// below is the beginning of all keys in a folder.
func (b *bucketStore) below(folder string) string {
	prefix := path.Join(b.prefix, folder)
	if prefix != "" {
		prefix += "/"
	}
	return prefix
}

// keys lists what is below a folder, as names sorted by their bytes.
func (b *bucketStore) keys(ctx context.Context, folder string) ([]string, error) {
	var names []string
	for object, err := range bucket.List(ctx, b.client, b.bucket, b.below(folder)) {
		if err != nil {
			return nil, conditionOf(err)
		}
		name := strings.TrimPrefix(strings.TrimPrefix(object.Key, b.prefix), "/")
		if checkName(name) == nil { // a console makes "folders": names that end in a slash
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// busyTries is how often S3 is asked again after 409, which says that another
// conditional write of the same key is under way: nothing was decided.
const busyTries = 8

// whileBusy calls again, a little later each time, while S3 answers 409.
func whileBusy(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		err := call()
		if !errors.Is(err, errBusy) || try == busyTries {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * 50 * time.Millisecond)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// conditionOf tells apart the answers that belong to the contract.
func conditionOf(err error) error {
	switch code := bucket.Code(err); bucket.Status(err) {
	case http.StatusPreconditionFailed:
		return errCondition
	case http.StatusConflict:
		if code == "ConditionalRequestConflict" || code == "OperationAborted" {
			return errors.Join(errBusy, err)
		}
	case http.StatusNotFound:
		if code != "NoSuchBucket" {
			return ErrAbsent
		}
	}
	return err
}

// partMark stands between the name of a log and the offset of one of its
// parts. The offsets have a fixed width, so that S3 lists the parts in order.
const partMark = "/part-"

// partReaders is how many parts of a log are read at once.
const partReaders = 8

func partName(log string, offset int64) string {
	return fmt.Sprintf("%s%s%019d", log, partMark, offset)
}

// cutPart takes apart the name of a part; an object's name is returned whole.
func cutPart(name string) (log string, offset int64, is bool) {
	i := strings.LastIndex(name, partMark)
	if i < 0 {
		return name, 0, false
	}
	offset, err := strconv.ParseInt(name[i+len(partMark):], 10, 64)
	if err != nil {
		return name, 0, false
	}
	return name[:i], offset, true
}

// Append stores one object, which holds a batch and is named by its offset. Two
// writers cannot both have the offset.
func (b *bucketStore) Append(ctx context.Context, name string, offset int64, data []byte) error {
	_, err := b.put(ctx, partName(name, offset), data, &s3.PutObjectInput{IfNoneMatch: new("*")})
	if errors.Is(err, errCondition) {
		err = ErrChanged
	}
	return b.fail(ctx, "append to", name, err)
}

// ReadLog puts the parts of a log together.
func (b *bucketStore) ReadLog(ctx context.Context, name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	data, err := b.parts(ctx, name)
	return data, b.fail(ctx, "read", name, err)
}

// DeleteLog removes the parts of a log from its end: what is left is a log.
func (b *bucketStore) DeleteLog(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	keys, err := b.keys(ctx, name)
	for _, key := range slices.Backward(keys) {
		if _, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(key)}); err != nil {
			break
		}
	}
	return b.fail(ctx, "delete", name, err)
}

func (b *bucketStore) parts(ctx context.Context, name string) ([]byte, error) {
	keys, err := b.keys(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, ErrAbsent
	}
	parts := make([][]byte, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partReaders)
	for i, key := range keys {
		group.Go(func() (err error) {
			parts[i], _, err = b.get(ctx, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var end int64
	for i, key := range keys {
		if _, offset, is := cutPart(key); !is || offset != end {
			hole := fmt.Sprintf("the part that begins at byte %d is missing: %s is there instead; bring it back from a version of the bucket", end, key)
			return bytes.Join(parts[:i], nil), &damagedError{hole}
		}
		end += int64(len(parts[i]))
	}
	return bytes.Join(parts, nil), nil
}

var (
	errCondition = errors.New("the condition of the write does not hold")
	errBusy      = errors.New("another conditional write is under way")
)

// fail says where, what S3 answered or who stopped it, and what helps.
func (b *bucketStore) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &StoreError{Op: op, Name: "s3://" + b.bucket + "/" + *b.key(name), Err: err}
	if errors.Is(err, context.Canceled) {
		e.Err = cmp.Or(context.Cause(ctx), err)
		return e
	}
	if errors.Is(err, ErrChanged) || errors.Is(err, ErrAbsent) {
		return e
	}
	if errors.As(err, new(*damagedError)) {
		return e
	}
	call := bucket.ErrorOf(err, fmt.Sprintf("allow s3:ListBucket on %s, and s3:GetObject, s3:PutObject and s3:DeleteObject on %s/*", b.bucket, b))
	e.Err, e.Hint = call, call.Hint+", or choose another place with --history"
	return e
}

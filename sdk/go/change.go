package tripline

import "time"

// EventName is what happened to the item.
type EventName uint8

const (
	Insert EventName = iota
	Modify
	Remove
)

// String is the name as DynamoDB writes it.
func (name EventName) String() string {
	switch name {
	case Insert:
		return "INSERT"
	case Modify:
		return "MODIFY"
	default:
		return "REMOVE"
	}
}

// View is what a trigger may see.
type View uint8

const (
	KeysOnly View = iota
	NewImage
	OldImage
	NewAndOldImages
)

// String is the view as a config writes it.
func (view View) String() string {
	return [...]string{"keys-only", "new-image", "old-image", "new-and-old-images"}[view&3]
}

// Identity is who made a change, where it was DynamoDB itself.
type Identity struct {
	Type        string
	PrincipalID string
}

// Origin is where changes come from.
type Origin struct {
	Trigger   string
	Table     string
	Region    string
	StreamARN string
	// View is what the trigger may see; the stream itself may hold more.
	View    View
	ShardID string
	// Attempt is 1 for the first delivery of these changes.
	Attempt uint32
}

// Batch is changes of one shard, in stream order.
type Batch struct {
	Origin
	Changes []*Change
	failed  map[int]error
}

// Fail says that this change failed, as if its handler had returned the error; others did not. Its first failure stands.
func (batch *Batch) Fail(change *Change, err error) {
	if err == nil {
		return
	}
	if batch.failed == nil {
		batch.failed = map[int]error{}
	}
	if _, there := batch.failed[change.index]; !there {
		batch.failed[change.index] = err
	}
}

// Change is one change of an item. Images are read when they are asked for.
type Change struct {
	// EventID is unique for each change: an idempotency key for effects elsewhere.
	EventID string
	Event   EventName
	// SequenceNumber has 21 to 40 decimal digits from AWS: compare as numbers.
	SequenceNumber string
	// Created is cut to the second by AWS.
	Created time.Time
	// SizeBytes is that of keys and images together, as DynamoDB counts them.
	SizeBytes uint64
	// Identity is nil unless DynamoDB itself made the change, as TTL does.
	Identity *Identity
	// KeysJSON is the item's keys, as DynamoDB JSON.
	KeysJSON string
	// NewImageJSON is the item after the change; empty where the view has it not, or there is none.
	NewImageJSON string
	// OldImageJSON is the item before the change; empty where the view has it not, or there was none.
	OldImageJSON string

	index  int
	origin *Origin
}

// Index is the change's place in its batch.
func (change *Change) Index() int {
	return change.index
}

// Origin is where the change comes from.
func (change *Change) Origin() *Origin {
	return change.origin
}

// Keys are the attributes of the item's key.
func (change *Change) Keys() (Item, error) {
	return read(change.KeysJSON, "keys")
}

// NewImage is the item after the change: nil where the view has it not, or the change left none.
func (change *Change) NewImage() (Item, error) {
	return read(change.NewImageJSON, "new image")
}

// OldImage is the item before the change: nil where the view has it not, or there was none.
func (change *Change) OldImage() (Item, error) {
	return read(change.OldImageJSON, "old image")
}

// DecodeKeys puts the key's attributes into a struct: see Item.Decode.
func (change *Change) DecodeKeys(into any) error {
	_, err := decode(change.KeysJSON, "keys", into)
	return err
}

// DecodeNewImage puts the item after the change into a struct, and says whether there is one: see Item.Decode.
func (change *Change) DecodeNewImage(into any) (bool, error) {
	return decode(change.NewImageJSON, "new image", into)
}

// DecodeOldImage puts the item before the change into a struct, and says whether there was one: see Item.Decode.
func (change *Change) DecodeOldImage(into any) (bool, error) {
	return decode(change.OldImageJSON, "old image", into)
}

// IsExpiry says that DynamoDB deleted the item, since its time to live had passed.
func (change *Change) IsExpiry() bool {
	return change.Event == Remove && change.Identity != nil && change.Identity.PrincipalID == "dynamodb.amazonaws.com"
}

// What cannot be read now cannot be read later: the change is rejected.
func read(text, what string) (Item, error) {
	if text == "" {
		return nil, nil
	}
	item, err := ParseItem(text)
	if err != nil {
		return nil, Rejectf("%s: %w", what, err)
	}
	return item, nil
}

func decode(text, what string, into any) (bool, error) {
	if text == "" {
		return false, nil
	}
	item, err := parse(parser{text: text, wanted: wantedBy(into)})
	if err == nil {
		err = item.Decode(into)
	}
	if err != nil {
		return true, Rejectf("%s: %w", what, err)
	}
	return true, nil
}

// Package tripline is for writing Tripline plugins: what happens to items of DynamoDB tables, handled by a function.
//
//	var _ = tripline.OnChange(func(change *tripline.Change) error {
//		order, err := change.NewImage()
//		if err != nil || order == nil {
//			return err
//		}
//		return counters.Add(change, "orders", counters.Labels{"status": order.Text("status")}, "1")
//	})
//
//	func main() {}
//
// What holds: nothing is ambient. Whatever changes state in the host takes the change that it belongs to. Off WebAssembly the host is a recorder:
// see package triplinetest.
package tripline

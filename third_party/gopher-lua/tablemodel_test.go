package lua

import (
	"fmt"
	"math/rand"
	"runtime"
	"testing"
)

// TestTableAgainstModel does the same random things to a table and to a map:
// stores, deletions, traversals that delete what they pass, Clear and Void.
func TestTableAgainstModel(t *testing.T) {
	for seed := range int64(300) {
		r := rand.New(rand.NewSource(seed))
		objects := []LValue{&LTable{}, &LTable{}, &LUserData{}, LTrue, LFalse, LNumber(0.5), LNumber(-1), LNumber(1e15), LString("")}
		key := func() LValue {
			switch r.Intn(8) {
			case 0:
				return objects[r.Intn(len(objects))]
			case 1, 2:
				return LNumber(r.Intn(25))
			}
			return LString(fmt.Sprint("k", r.Intn(3+int(seed)%40)))
		}
		m := newMeter()
		table := newMeteredTable(m, r.Intn(3), r.Intn(16))
		if seed%2 == 0 {
			table = newSitedTable(m, uint(seed))
		}
		want := map[LValue]LValue{}
		for step := range 400 {
			switch k := key(); r.Intn(20) {
			case 0:
				for k, v := table.Next(LNil); k != LNil; k, v = table.Next(k) {
					if want[k] != v {
						t.Fatalf("seed %d, step %d: Next gives %v = %v, stored was %v", seed, step, k, v, want[k])
					}
					if r.Intn(3) == 0 {
						table.RawSet(k, LNil)
						delete(want, k)
					}
				}
			case 1:
				if r.Intn(10) == 0 {
					table.Clear()
					clear(want)
				}
			case 2:
				if r.Intn(10) == 0 {
					table.Void()
					clear(want)
				}
			case 3, 4, 5:
				table.RawSet(k, LNil)
				delete(want, k)
			default:
				v := LNumber(r.Intn(1000))
				if s, ok := k.(LString); ok && r.Intn(2) == 0 {
					table.RawSetString(string(s), v)
				} else {
					table.RawSet(k, v)
				}
				want[k] = v
			}
			compare(t, fmt.Sprintf("seed %d, step %d", seed, step), table, want)
		}
	}
}

func compare(t *testing.T, where string, table *LTable, want map[LValue]LValue) {
	t.Helper()
	for k, v := range want {
		if got := table.RawGet(k); got != v {
			t.Fatalf("%s: %v is %v, stored was %v", where, k, got, v)
		}
	}
	var nexts []LValue
	for k, v := table.Next(LNil); k != LNil; k, v = table.Next(k) {
		if want[k] != v {
			t.Fatalf("%s: Next gives %v = %v, stored was %v", where, k, v, want[k])
		}
		nexts = append(nexts, k)
	}
	if len(nexts) != len(want) {
		t.Fatalf("%s: Next gives %d keys of %d", where, len(nexts), len(want))
	}
	i := 0
	for k, v := range table.All() {
		key := k.Value
		if k.IsText() {
			key = LString(k.Text)
		}
		if i >= len(nexts) || nexts[i] != key || want[key] != v {
			t.Fatalf("%s: All gives %v = %v at %d, Next %v", where, key, v, i, nexts)
		}
		i++
	}
	if i != len(nexts) {
		t.Fatalf("%s: All gives %d keys, Next %d", where, i, len(nexts))
	}
	if n := table.Len(); n > 0 && table.RawGetInt(n) == LNil || table.RawGetInt(n+1) != LNil {
		t.Fatalf("%s: %d is no border: %v, %v", where, n, table.RawGetInt(n), table.RawGetInt(n+1))
	}
}

// TestTablesLearnTheirRoom: the instruction that makes tables gives them the room
// they needed before, and takes it back when they do not.
func TestTablesLearnTheirRoom(t *testing.T) {
	m := newMeter()
	grow := func(keys int) *LTable {
		tb := newSitedTable(m, 7)
		for i := range keys {
			tb.RawSetString(fmt.Sprint(i), LTrue)
		}
		return tb
	}
	if grow(9); cap(newSitedTable(m, 7).slots) < 9 {
		t.Fatal("room was not learned")
	}
	if newMeteredTable(m, 0, 9).Bytes() != newSitedTable(m, 7).Bytes() {
		t.Fatal("room is counted in one table and not in the other")
	}
	for range 12 * sizeShare {
		newSitedTable(m, 7)
	}
	if n := cap(newSitedTable(m, 7).slots); n != 0 {
		t.Fatalf("empty tables still get room for %d keys", n)
	}
	if big := grow(100); big.Bytes() < sizeOfTable+100*sizeOfSlot {
		t.Fatalf("%d bytes for 100 keys", big.Bytes())
	}
}

// TestTableMemory: what Bytes says is what the heap gave, to a size class.
func TestTableMemory(t *testing.T) {
	var names [40]string
	for i := range names {
		names[i] = fmt.Sprint("name ", i)
	}
	for _, keys := range []int{0, 1, 2, 3, 4, 6, 8, 9, 12, 13, 40} {
		for _, kind := range []string{"text", "numbers"} {
			tables := make([]*LTable, 512)
			was := heapBytes()
			for i := range tables {
				tables[i] = newLTable(0, keys)
				for k := range keys {
					if kind == "text" {
						tables[i].RawSetString(names[k], LTrue)
					} else {
						tables[i].setOther(preloads[k], LTrue)
					}
				}
			}
			got := int(heapBytes()-was) / len(tables)
			said := tables[0].Bytes()
			if got < said*9/10 || got > said*13/10+16 {
				t.Errorf("%d keys, %s: the heap gave %d bytes, Bytes says %d", keys, kind, got, said)
			}
		}
	}
}

func heapBytes() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

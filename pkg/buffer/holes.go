package buffer

import "slices"

// addHole records that [from, to) cannot be handed out, except for what is known
// already; mu is held or the queue is not shared yet.
func (q *Queue) addHole(from, to pos, why reason) {
	for i := 0; from.id < to.id; i++ {
		if i == len(q.holes) || to.id <= q.holes[i].from.id {
			q.holes = slices.Insert(q.holes, i, hole{from, to, why})
			return
		}
		h := q.holes[i]
		if h.to.id <= from.id {
			continue
		}
		if from.id < h.from.id {
			q.holes = slices.Insert(q.holes, i, hole{from, h.from, why})
			i++
		}
		from = h.to
	}
}

// passHoles moves the cursor over the holes that follow it, and counts them.
func (q *Queue) passHoles() {
	c := &q.cur
	for len(q.holes) > 0 && q.holes[0].from.id <= c.acked.id {
		h := q.holes[0]
		q.holes = q.holes[1:]
		if h.to.id <= c.acked.id {
			continue
		}
		if h.why != oldest {
			c.dropped[h.why] += h.to.seq - c.acked.seq
		}
		c.acked = h.to
	}
	if q.read.id < c.acked.id {
		q.read = c.acked
	}
}

// giveUp drops [from, to) for good: what was intact in it is counted for why,
// what was lost before for its own reason. It reports false, and does nothing,
// when the cursor file has no room to remember one range more.
func (q *Queue) giveUp(from, to pos, why reason) bool {
	var out []hole
	ranges := 1
	intact := to.seq - from.seq
	lost := [reasons]uint64{}
	merged := hole{from, to, oldest}
	for _, h := range q.holes {
		switch {
		case h.from.id >= from.id && h.to.id <= to.id:
			intact -= h.to.seq - h.from.seq
			if h.why != oldest {
				lost[h.why] += h.to.seq - h.from.seq
			}
		case h.why == oldest && h.to.id == from.id:
			merged.from = h.from
		case h.why == oldest && h.from.id == to.id:
			merged.to = h.to
		case h.to.id <= from.id || h.from.id >= to.id:
			if h.why == oldest {
				ranges++
			}
			out = append(out, h)
		default:
			return false // half inside: ranges end where records do
		}
	}
	if ranges > maxGone {
		return false
	}
	i, _ := slices.BinarySearchFunc(out, merged, func(a, b hole) int {
		if a.from.id < b.from.id {
			return -1
		}
		return 1
	})
	q.holes = slices.Insert(out, i, merged)
	q.cur.dropped[why] += intact
	for r, n := range lost {
		q.cur.dropped[r] += n
	}
	q.memory = slices.DeleteFunc(q.memory, func(k kept) bool {
		gone := k.id >= from.id && k.id < to.id
		if gone {
			q.memBytes -= cap(k.frame)
			q.recycle(k.frame)
		}
		return gone
	})
	q.epoch++
	return true
}

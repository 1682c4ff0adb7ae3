// htget's loops for HTScan: so many steps, of whole scans. The last step of each scan returns the
// cursor of the first.
import { HTScan } from 'shredder:store';

const into = [];

function scan(_, steps) {
  let seen = 0;
  let cursor = 0;
  for (let i = 0; i < steps; i++) {
    cursor = HTScan(cursor, into);
    seen += into.length;
  }
  return cursor === 0 ? seen : -1;
}

function scanNothing(_, steps) {
  let seen = 0;
  for (let i = 0; i < steps; i++) seen += into.length;
  return seen;
}

// SPDX-License-Identifier: Apache-2.0
/// What report.html can do where scripts run: figures under the pointer, selecting, filtering, opening, zooming. It reads all of
/// that from the figures' data-* attributes, and puts text in as text only.
#include "platform/report/parts.h"

namespace quiesce::platform::report {

const char* const script = R"js(
'use strict';
(() => {
  const $ = (s, e = document) => e.querySelector(s),
    $$ = (s, e = document) => [...e.querySelectorAll(s)];
  const SVG = 'http://www.w3.org/2000/svg',
    tip = $('#tip'),
    details = $('#details'),
    filter = $('#filter');
  document.documentElement.classList.add('scripted');
  const time = ps => {
    const units = [
        [1e12, 's'],
        [1e9, 'ms'],
        [1e6, 'us'],
        [1e3, 'ns']
      ],
      n = Math.abs(ps);
    for (const [size, name] of units)
      if (n >= size)
        return (ps / size).toFixed(3) + ' ' + name;
    return Math.round(ps) + ' ps';
  };
  const round_time = ps => time(ps).replace(/\.?0+ /, ' ');
  const make = (tag, text, parent, attributes = {}) => {
    const e = document.createElement(tag);
    e.textContent = text;
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (parent) parent.append(e);
    return e;
  };

  // ---- what is under the pointer
  const named = event => (event ? `\nevent ${event} - quiesce explain DIR ${event}` : '');
  // Of many marks in one path the one that is nearest to the pointer.
  const nearest = (e, ev) => {
    const ids = e.dataset.events.split(' '),
      to = e.getScreenCTM();
    if (!to || !ids[0]) return e.dataset.event;
    const {x} = new DOMPoint(ev.clientX, ev.clientY).matrixTransform(to.inverse()),
      far = [...e.getAttribute('d').matchAll(/M(-?[\d.]+)/g)].map(m => Math.abs(m[1] - x));
    return ids[far.indexOf(Math.min(...far))];
  };
  const about = (e, ev) => {
    const d = e.dataset;
    if (d.phase !== undefined && d.s !== undefined && d.by !== undefined)
      return `${d.phase}, ${time(d.e - d.s)}\nfrom +${time(+d.s)} to +${time(+d.e)}\n${d.by}${d.for ? ' waits for ' + d.for : ''}`;
    if (d.m) return `${d.m}: +${time(+d.t)}${named(d.event)}`;
    if (d.still !== undefined) return `${d.still}\nwhat it did from +${time(+d.s)} on has no name`;
    if (d.ev) return `${d.ev}: ${d.n} in all, from +${time(+d.first)} to +${time(+d.last)}${named(nearest(e, ev))}`;
    if (d.td && e.classList.contains('row'))
      return `${d.td}: ${d.trigger} of ${d.process} on ${d.device}\n${d.quiesce ? 'quiesce +' + time(+d.quiesce) : 'open: ' + d.open}${named(d.event)}`;
    return '';
  };
  document.addEventListener('pointermove', ev => {
    const e = ev.target.closest ? ev.target.closest('[data-phase][data-by],[data-m],[data-ev],[data-still],.row') : null;
    const text = e ? about(e, ev) : '';
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    tip.style.left = Math.min(ev.clientX + 14, innerWidth - tip.offsetWidth - 8) + 'px';
    tip.style.top = Math.min(ev.clientY + 16, innerHeight - tip.offsetHeight - 8) + 'px';
  });
  $$('.gantt title').forEach(t => t.remove()); // the tip says more

  // ---- one teardown is chosen
  let chosen = null;
  const rows = () => $$('.gantt .row').filter(r => !r.classList.contains('off'));
  const gantts = $$('.gantt');
  const variant = row => (gantts.length > 1 ? ', ' + row.closest('.gantt').dataset.name : '');
  const choose = (row, scroll) => {
    if (chosen) chosen.classList.remove('on');
    chosen = row;
    if (!row) return;
    row.classList.add('on');
    if (scroll) row.scrollIntoView({block: scroll === true ? 'nearest' : scroll});
    if (!details.hidden) open();
  };
  const table = (parent, heads, lines) => {
    const t = make('table', '', parent),
      h = make('tr', '', make('thead', '', t)),
      b = make('tbody', '', t);
    heads.forEach(s => make('th', s, h));
    lines.forEach(l => {
      const r = make('tr', '', b);
      l.forEach(c => make('td', c, r));
    });
  };
  function open() {
    const d = chosen.dataset;
    details.textContent = '';
    details.hidden = false;
    details.dataset.td = chosen.id;
    make('button', 'close', details).onclick = close;
    make('h3', `${d.td}: ${d.trigger} of ${d.process} on ${d.device}${variant(chosen)}`, details);
    make(
      'p',
      `bond ${d.bond}, PASID ${d.pasid}, T0 ${time(+d.t0)} into the run; ` +
        (d.quiesce ? 'quiesce +' + time(+d.quiesce) : 'open: ' + d.open) +
        `; exposure ${time(+d.exposure)}`,
      details
    );
    const told = document.getElementById(chosen.id + '-seq');
    if (told)
      make('a', 'its sequence', details, {href: '#' + told.id}).onclick = () => {
        if (told.tagName === 'DETAILS') told.open = true;
      };
    table(
      details,
      ['milestone', 'after T0', 'event'],
      $$('.m', chosen)
        .map(m => [+m.dataset.t, m.dataset.m, m.dataset.event || ''])
        .sort((a, b) => a[0] - b[0])
        .map(([t, m, event]) => [m, '+' + time(t), event])
    );
    const parts = $$('.part', chosen);
    if (parts.length)
      table(
        details,
        ['after T0', 'took', 'phase', 'who'],
        parts.map(({dataset: p}) => [
          '+' + time(+p.s),
          time(p.e - p.s),
          p.phase,
          p.by + (p.for ? ' waits for ' + p.for : '')
        ])
      );
    else make('p', d.parts > 0 ? 'Its parts are in run.json.' : 'No parts of it were kept.', details);
  }
  const close = () => {
    details.hidden = true;
  };
  const move = by => {
    const all = rows(),
      at = all.indexOf(chosen);
    if (all.length)
      choose(all[Math.max(0, Math.min(all.length - 1, at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by))], true);
  };
  const jump = () => {
    const e = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (e && e.classList.contains('row')) choose(e, 'center');
  };
  // The bar above is as high as its lines are many.
  const below_bar = () => {
    document.documentElement.style.scrollPaddingTop = $('nav').offsetHeight + 10 + 'px';
  };
  addEventListener('resize', below_bar);
  below_bar();
  addEventListener('hashchange', jump);

  // ---- filter: rows move together, and what shows none of them goes
  const nothing = $('#nothing');
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const g of gantts) {
      let up = 0, left = 0;
      for (const r of $$('.row', g)) {
        const d = r.dataset,
          text =
            `${d.td} ${d.process} ${d.device} ${d.trigger} pasid${d.pasid} ${d.open ? 'open' : ''} ${g.dataset.name}`.toLowerCase();
        const off = !words.every(w => text.includes(w));
        r.classList.toggle('off', off);
        r.setAttribute('transform', `translate(0 ${-up})`);
        if (off) up += 36;
        else ++left;
      }
      if (g.dataset.height === undefined) g.dataset.height = g.viewBox.baseVal.height;
      g.setAttribute('viewBox', `0 0 1100 ${g.dataset.height - up}`);
      g.parentElement.classList.toggle('off', left === 0);
      found += left;
    }
    nothing.hidden = found > 0;
  });

  // ---- zoom: everything has its instant
  const window_of = new Map();
  const step_for = span => {
    let s = 10 ** Math.floor(Math.log10(span));
    while (span / s < 5) s /= 2;
    return Math.max(1, Math.floor(s));
  };
  const draw = (g, from, to) => {
    const all = +g.dataset.extent,
      left = +g.dataset.left,
      width = +g.dataset.width;
    window_of.set(g, [from, to]);
    const scale = width / (to - from),
      x = t => left + (t - from) * scale,
      grow = all / (to - from);
    for (const e of $$('[data-s]', g)) {
      e.setAttribute('x', x(+e.dataset.s));
      e.setAttribute('width', Math.max(0.05, (e.dataset.e - e.dataset.s) * scale));
    }
    for (const e of $$('.m,.ragged', g)) {
      const y = /[ ,]([\d.]+)\)/.exec(e.getAttribute('transform'))[1],
        t = Math.min(+e.dataset.t, to === all || e.classList.contains('ragged') ? to : 9e99);
      e.setAttribute('transform', `translate(${x(t)} ${y})`);
    }
    for (const e of $$('.ev', g))
      e.setAttribute('transform', `matrix(${grow} 0 0 1 ${left - left * grow - from * scale} 0)`);
    const axis = $('.axis', g),
      height = g.viewBox.baseVal.height,
      step = step_for(to - from);
    axis.textContent = '';
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      const p = document.createElementNS(SVG, 'path'),
        label = document.createElementNS(SVG, 'text');
      p.setAttribute('d', `M${x(t)} 16V${height}`);
      label.setAttribute('x', x(t));
      label.setAttribute('y', 11);
      if (x(t) > left + width - 30) label.setAttribute('class', 'end');
      label.textContent = t === 0 ? 'T0' : '+' + round_time(t);
      axis.append(p, label);
    }
  };
  // Variants are held against each other: all panels show the same stretch of time.
  const zoom = (g, from, to) => {
    from = Math.max(0, from);
    to = Math.min(Math.max(...gantts.map(o => +o.dataset.extent)), to);
    if (to - from < 100) return;
    gantts.forEach(o => draw(o, from, to));
  };
  const shown = g => window_of.get(g) || [0, +g.dataset.extent];
  const current = () => (chosen ? chosen.closest('.gantt') : $('.gantt'));
  // The left edge stays: it is T0 at first.
  const look = (from, by) => {
    const g = current();
    if (!g) return;
    const [a, b] = shown(g), span = b - a, left = Math.max(0, Math.min(a + from * span, +g.dataset.extent - span * by));
    if (left === 0 && span * by >= +g.dataset.extent) return whole();
    zoom(g, left, left + span * by);
  };
  const zoom_by = by => look(0, by);
  function whole() {
    if (window_of.size) gantts.forEach(g => draw(g, 0, +g.dataset.extent));
    window_of.clear();
  }
  $('#in').onclick = () => zoom_by(0.5);
  $('#out').onclick = () => zoom_by(2);
  $('#all').onclick = whole;
  for (const g of gantts) {
    let from = null;
    const instant = ev => {
      const p = new DOMPoint(ev.clientX, ev.clientY).matrixTransform(g.getScreenCTM().inverse()),
        [a, b] = shown(g);
      return a + ((p.x - +g.dataset.left) / +g.dataset.width) * (b - a);
    };
    g.addEventListener('pointerdown', ev => {
      from = [instant(ev), ev.clientX];
    });
    g.addEventListener('pointerup', ev => {
      if (from && Math.abs(ev.clientX - from[1]) > 12) {
        const to = instant(ev);
        zoom(g, Math.min(from[0], to), Math.max(from[0], to));
      } else {
        const row = ev.target.closest('.row');
        if (row) {
          if (row === chosen) open();
          else choose(row);
        }
      }
      from = null;
    });
    g.addEventListener('dblclick', whole);
  }

  // ---- keyboard
  document.addEventListener('keydown', ev => {
    if (ev.ctrlKey || ev.metaKey || ev.altKey) return;
    if (ev.target === filter) {
      if (ev.key === 'Escape' || ev.key === 'Enter') {
        if (ev.key === 'Escape') {
          filter.value = '';
          filter.dispatchEvent(new Event('input'));
        }
        filter.blur();
      }
      return;
    }
    const does = {
      ArrowDown: () => move(1),
      ArrowUp: () => move(-1),
      ArrowLeft: () => look(-0.25, 1),
      ArrowRight: () => look(0.25, 1),
      Enter: () => {
        if (ev.target.tagName === 'A' || ev.target.tagName === 'BUTTON' || ev.target.tagName === 'SUMMARY')
          return false;
        if (chosen) open();
      },
      '/': () => filter.focus(),
      Escape: () => {
        if (!details.hidden) close();
        else if (window_of.size) whole();
        else choose(null);
      },
      '+': () => zoom_by(0.5),
      '-': () => zoom_by(2)
    }[ev.key];
    if (does && does() !== false) ev.preventDefault();
  });
  addEventListener('beforeprint', () =>
    $$('details:not(.all-settings):not(.other)').forEach(d => {
      d.open = true;
    })
  );
  jump();
})();
)js";

} // namespace quiesce::platform::report

"use strict";
// The browser of groups: everything is in the page already, this hides and orders it.
(function () {
    const bar = document.getElementById("filters");
    const list = document.getElementById("groups");
    if (!bar || !list) return;
    const groups = Array.from(list.children);
    const count = document.getElementById("count");
    const fields = ["run", "step", "contrast", "verdict", "gold"];
    const natural = (a, b) => a.localeCompare(b, "en", { numeric: true });
    const values = (g, f) => (f === "verdict" ? g.dataset.verdicts.split(" ") : [g.dataset[f]]);

    for (const f of fields) {
        const select = bar.elements[f];
        const seen = new Set(groups.flatMap((g) => values(g, f)).filter((v) => v));
        for (const v of Array.from(seen).sort(natural)) select.add(new Option(v, v));
        select.parentElement.hidden = seen.size < 2;
    }

    const order = {
        page: () => 0,
        id: (a, b) => natural(a.dataset.id, b.dataset.id),
        right: (a, b) => a.dataset.right - b.dataset.right,
        left: (a, b) => b.dataset.right - a.dataset.right,
        short: (a, b) => a.dataset.length - b.dataset.length,
        long: (a, b) => b.dataset.length - a.dataset.length,
        unlikely: (a, b) => a.dataset.logp - b.dataset.logp,
    };

    function show() {
        const text = bar.elements.text.value.toLowerCase();
        let shown = 0;
        for (const g of groups) {
            const fits =
                fields.every((f) => !bar.elements[f].value || values(g, f).includes(bar.elements[f].value)) &&
                (!text || g.textContent.toLowerCase().includes(text));
            g.hidden = !fits;
            shown += fits;
        }
        const by = order[bar.elements.sort.value];
        groups.map((g, i) => [g, i]).sort((a, b) => by(a[0], b[0]) || a[1] - b[1]).forEach((p) => list.append(p[0]));
        count.textContent = shown + " of " + groups.length + " shown";
    }

    // What is chosen stands in the address, so that a view can be passed on.
    function remember() {
        const chosen = new URLSearchParams();
        for (const f of [...fields, "text", "sort"]) {
            const v = bar.elements[f].value;
            if (v && v !== "page") chosen.set(f, v);
        }
        history.replaceState(null, "", "#" + chosen);
    }

    for (const [f, v] of new URLSearchParams(location.hash.slice(1)))
        if ([...fields, "text", "sort"].includes(f)) bar.elements[f].value = v;
    bar.addEventListener("input", () => { show(); remember(); });
    bar.addEventListener("submit", (e) => e.preventDefault());
    bar.hidden = false;
    show();
})();

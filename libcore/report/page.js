"use strict";
// The browser of groups: everything is in the page already, this hides and orders it.
(function () {
    const bar = document.getElementById("filters");
    const list = document.getElementById("groups");
    if (!bar || !list) return;
    const groups = Array.from(list.children);
    const count = document.getElementById("count");
    const fields = ["run", "step", "contrast", "verdict", "gold", "part"];
    const natural = (a, b) => a.localeCompare(b, "en", { numeric: true });
    const values = (g, f) => (f === "verdict" ? g.dataset.verdicts.split(" ") : [g.dataset[f]]);

    for (const f of fields) {
        const select = bar.elements[f];
        const seen = new Set(groups.flatMap((g) => values(g, f)).filter((v) => v));
        for (const v of Array.from(seen).sort(natural)) select.add(new Option(v, v));
        select.parentElement.hidden = seen.size < 2;
    }

    const by = (name) => (a, b) => a.dataset[name] - b.dataset[name];
    const order = {
        page: null,
        id: (a, b) => natural(a.dataset.id, b.dataset.id),
        step: by("step"),
        right: by("right"),
        length: by("length"),
        logp: by("logp"),
        moved: by("moved"),
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
        const compare = order[bar.elements.sort.value];
        const sorted = compare ? groups.slice().sort(compare) : groups.slice();
        if (bar.elements.reverse.checked) sorted.reverse();
        list.append(...sorted);
        count.textContent = shown + " of " + groups.length + " shown";
    }

    // What is chosen stands in the address, so that a view can be passed on.
    function remember() {
        const chosen = new URLSearchParams();
        for (const f of [...fields, "text", "sort"]) {
            const v = bar.elements[f].value;
            if (v && v !== "page") chosen.set(f, v);
        }
        if (bar.elements.reverse.checked) chosen.set("reverse", "1");
        history.replaceState(null, "", "#" + chosen);
    }

    for (const [f, v] of new URLSearchParams(location.hash.slice(1)))
        if (f === "reverse") bar.elements.reverse.checked = true;
        else if ([...fields, "text", "sort"].includes(f)) bar.elements[f].value = v;
    bar.addEventListener("input", () => { show(); remember(); });
    bar.addEventListener("submit", (e) => e.preventDefault());
    bar.hidden = false;
    show();
})();

// Charts: which runs are seen, and one of them enlarged by uPlot.
(function () {
    const charts = Array.from(document.querySelectorAll(".charts > svg"));
    const runs = document.getElementById("runs");
    const dialog = document.getElementById("zoom");
    if (!charts.length || !dialog.showModal) return;

    function showRuns() {
        for (const box of runs.querySelectorAll("input"))
            for (const g of document.querySelectorAll('svg.chart [data-line="' + box.value + '"]'))
                g.style.opacity = box.checked ? "" : 0.07;
    }
    if (runs) {
        const boxes = Array.from(runs.querySelectorAll("input"));
        runs.addEventListener("input", showRuns);
        runs.querySelector("button").addEventListener("click", () => {
            const all = boxes.every((b) => b.checked);
            for (const b of boxes) b.checked = !all;
            showRuns();
        });
        for (const e of [...boxes, runs.querySelector("button")]) e.hidden = false;
    }

    const style = getComputedStyle(document.documentElement); // live: follows the scheme
    const whole = [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n, 1000 * n, 10000 * n, 100000 * n]).sort((a, b) => a - b);

    // The lines of a chart as uPlot wants them: one x for all, null where a line has no point.
    function lines(svg) {
        const names = Array.from((runs || svg).querySelectorAll(runs ? "span" : "g[data-line] > text"), (t) => t.textContent);
        return Array.from(svg.querySelectorAll("path[data-points]"), (path, k) => {
            const points = path.dataset.points.split(" ").filter((p) => p).map((p) => p.split(","));
            const colour = "--" + path.getAttribute("class").match(/c\d/)[0];
            return {
                x: points.map((p) => +p[0]),
                y: points.map((p) => (p[1] === "" ? null : +p[1])),
                series: {
                    label: names[k] || svg.getAttribute("aria-label"),
                    stroke: style.getPropertyValue(colour),
                    dash: (path.getAttribute("stroke-dasharray") || "").split(" ").filter((d) => d).map(Number),
                    width: 2,
                    points: { fill: style.getPropertyValue("--bg") },
                    spanGaps: true,
                    show: !runs || runs.querySelectorAll("input")[k].checked,
                },
            };
        });
    }

    function enlarge(svg) {
        const all = lines(svg);
        const percent = "percent" in svg.dataset;
        const text = (v) => (v === null || v === undefined ? "" : percent ? +(100 * v).toPrecision(4) + "%" : String(+v.toPrecision(5)));
        const axis = { stroke: style.getPropertyValue("--fg"), grid: { stroke: style.getPropertyValue("--grid"), width: 1 }, ticks: { show: false } };
        dialog.querySelector("b").textContent = svg.getAttribute("aria-label");
        dialog.showModal();
        const place = dialog.querySelector("div");
        place.replaceChildren();
        new uPlot({
            width: place.clientWidth,
            height: Math.min(460, window.innerHeight * 0.6),
            scales: { x: { time: false } },
            cursor: { drag: { x: true, y: true, uni: 24 }, focus: { prox: 24 } },
            focus: { alpha: 0.25 },
            series: [{ label: "step" }, ...all.map((l) => ({ ...l.series, value: (u, v) => text(v) }))],
            axes: [{ ...axis, incrs: whole }, { ...axis, size: 64, values: (u, ticks) => ticks.map(text) }],
        }, uPlot.join(all.map((l) => [l.x, l.y])), place);
    }

    for (const svg of charts) {
        svg.classList.add("enlarges");
        svg.tabIndex = 0;
        svg.addEventListener("click", () => enlarge(svg));
        svg.addEventListener("keydown", (e) => { if (e.key === "Enter") enlarge(svg); });
    }
})();

// SPDX-License-Identifier: Apache-2.0
/// How report.html looks: light and dark, on a screen and on paper.
#include "platform/report/parts.h"

namespace quiesce::platform::report {

const char* const style = R"css(
:root{--ink:#1c2430;--soft:#5c6776;--line:#d5dbe3;--page:#fff;--card:#f5f7fa;--hit:#e8f0fb;--good:#13803f;
--bad:#c0262d;--odd:#8a6100;--link:#0b57b5;
--cpu:#8fa3bb;--commands:#e0a92e;--iommu:#3f7fd8;--device:#d9643a;--memory:#3c9d6b;--requests:#a45fc4;--grace:#b9b39f;
--scenario:#d8dbe0;--whole:#b9a4c9;--still:#c0262d;
--c0:#2f6fd0;--c1:#d9643a;--c2:#2e9a64;--c3:#a45fc4;--c4:#b58900;--c5:#c4407c;--c6:#2aa1a8;--c7:#7a6f5c;--c8:#6c7bd9;
--c9:#8a4b2d;--c10:#6f9a1f;--c11:#555f6d}
@media (prefers-color-scheme:dark){:root{--ink:#e3e8ef;--soft:#9aa6b5;--line:#36404d;--page:#141a21;--card:#1d252f;
--hit:#22344c;--good:#4cc47f;--bad:#ff7a75;--odd:#e0b34d;--link:#7db4ff;
--cpu:#6d829c;--commands:#d9a63a;--iommu:#5b97ec;--device:#e67a50;--memory:#4fb381;--requests:#bb7fd8;--grace:#7f7a6a;
--scenario:#4a525d;--whole:#7a6a88;--still:#ff7a75;
--c0:#6ba3f5;--c1:#f0875f;--c2:#5cc492;--c3:#c88be0;--c4:#d9b23c;--c5:#e87aaa;--c6:#5ccbd1;--c7:#b3a892;--c8:#9aa6f5;
--c9:#c98a68;--c10:#a5cc5a;--c11:#9aa6b5}}
*{box-sizing:border-box}html{scroll-padding-top:6rem}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.5 system-ui,"DejaVu Sans",sans-serif}
header,main{max-width:1240px;margin:0 auto;padding:0 20px}
header{display:flex;gap:1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.5rem;margin:1rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2rem 0 .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
h3{font-size:1.02rem;margin:1.6rem 0 .4rem}h4{font-size:.92rem;margin:1rem 0 .2rem;color:var(--soft)}
header p,.note,small{color:var(--soft)}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code{font:12px/1.4 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:2;background:var(--page);border-bottom:1px solid var(--line);padding:.35rem 20px;
display:flex;flex-wrap:wrap;gap:.3rem 1rem;justify-content:center;align-items:center}
nav label{color:var(--soft)}
input,button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:4px;
padding:.1rem .5rem}button{margin-left:3px;cursor:pointer}
.script{display:none}.scripted .script{display:inline-block}.scripted p.script{display:block}
.card{display:flex;flex-wrap:wrap;gap:.3rem 1.6rem;align-items:baseline;background:var(--card);
border-left:6px solid var(--soft);border-radius:4px;padding:.6rem 1rem;margin:.6rem 0}
.card strong{font-size:1.25rem;text-transform:uppercase;letter-spacing:.04em}.card.v-pass{border-color:var(--good)}
.card.v-fail,.card.v-error{border-color:var(--bad)}
.v-pass strong,td.v-pass,.e-held td:first-child{color:var(--good)}
.v-fail strong,td.v-fail,.e-failed td:first-child,.v-error strong{color:var(--bad)}.e-suspended{color:var(--soft)}
.violated.v-pass{border-color:var(--odd)}.violated.v-pass strong{color:var(--odd)}.count{flex-basis:100%;order:1}.found{padding-left:1.2rem}.steps td:nth-child(-n+4){white-space:nowrap}
.v-interrupted strong,.v-not-applicable strong{color:var(--odd)}
table{border-collapse:collapse;margin:.5rem 0;max-width:100%}
th,td{text-align:left;vertical-align:top;padding:.16rem .7rem .16rem 0;border-bottom:1px solid var(--line);
overflow-wrap:break-word}
thead th{color:var(--soft);font-weight:600;font-size:.85rem}tbody th{font-weight:500}
.percentiles td,.compare td,.path td{font-variant-numeric:tabular-nums}
.path td:nth-child(4),.path td:nth-child(-n+2),.percentiles td:nth-child(n+3){white-space:nowrap}
.compare{display:block;overflow-x:auto}.violations td:last-child{min-width:26rem}
.expect td:last-child{color:var(--soft)}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--link)}
.wide,.claims,.panel>div,#comparison,#distribution,#configuration,main>figure{overflow-x:auto}.scroll.off{display:none}#nothing{color:var(--bad)}
.scroll{overflow:auto;max-height:75vh;border:1px solid var(--line);border-radius:4px}
svg{font:11px system-ui,"DejaVu Sans",sans-serif;max-width:100%}svg text{fill:var(--ink)}svg .end{text-anchor:end}
svg .mid{text-anchor:middle}
.gantt,.stack,.cdf,.sequence,.levels,.windows{display:block;width:100%;min-width:860px}.bars{display:block;width:100%;max-width:860px}
.axis path{stroke:var(--line);fill:none}.axis text{text-anchor:middle;fill:var(--soft)}.axis .end{text-anchor:end}
.violations td:last-child,.violations code{overflow-wrap:anywhere}.violations td:nth-child(-n+6){white-space:nowrap}
.gantt .hit{fill:transparent;stroke:var(--line);stroke-width:.4}.gantt .row:hover .hit{fill:var(--card)}
.gantt .row:target .hit,.gantt .row.on .hit{fill:var(--hit)}.gantt .row{cursor:pointer}.gantt .off{display:none}
.gantt .id{font-weight:700}.gantt .sub{fill:var(--soft);font-size:10px}
.whole{fill:var(--whole)}.still{fill:var(--still);opacity:.35}.ragged{fill:var(--page)}.part{stroke:var(--page);stroke-width:.3}
.g-cpu{fill:var(--cpu)}.g-commands{fill:var(--commands)}.g-iommu{fill:var(--iommu)}.g-device{fill:var(--device)}
.g-memory{fill:var(--memory)}.g-requests{fill:var(--requests)}.g-grace{fill:var(--grace)}
.g-scenario{fill:var(--scenario)}.g-count{fill:var(--iommu)}
.b-cpu{background:var(--cpu)}.b-commands{background:var(--commands)}.b-iommu{background:var(--iommu)}
.b-device{background:var(--device)}.b-memory{background:var(--memory)}.b-requests{background:var(--requests)}
.b-grace{background:var(--grace)}.b-scenario{background:var(--scenario)}.b-whole{background:var(--whole)}.legend .b-still{background:var(--still);opacity:.35}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:12px;margin:.25rem 0}
.legend i{display:inline-block;width:11px;height:11px;border-radius:2px;margin-right:4px}
.legend svg{vertical-align:-3px;margin-right:3px}
.m{stroke:var(--ink);stroke-width:1.1;fill:var(--page)}.m-block,.m-stop,.m-drain,.m-last_seen{fill:var(--ink)}
.m-stop_gave_up{stroke:var(--bad)}.m-tables_free,.m-reuse,.m-stop_gave_up{fill:none}.m.beyond{opacity:.45}
.ev{fill:none;stroke-width:1;vector-effect:non-scaling-stroke}.dma{stroke:var(--soft)}.dma-late{stroke:var(--commands)}
.dma-wrong{stroke:var(--bad);stroke-width:2}.fault{stroke:var(--requests)}.response{stroke:var(--memory)}
.fence{stroke:var(--iommu);stroke-width:1.6}.fence-block{stroke:var(--iommu);stroke-width:3}
.curve{fill:none;stroke-width:1.8}.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}
.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}.c7{--c:var(--c7)}.c8{--c:var(--c8)}.c9{--c:var(--c9)}
.c10{--c:var(--c10)}.c11{--c:var(--c11)}
.curve{stroke:var(--c)}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px;background:var(--c)}
.levels .area{fill:var(--commands);stroke:var(--commands);stroke-width:.6}.levels .t0{stroke:var(--ink);stroke-dasharray:2 2}
.levels .sub{fill:var(--soft)}.unmapping{fill:var(--memory);opacity:.4}.exposed{fill:var(--memory)}.w-open .exposed{fill:var(--bad)}
figure{margin:1rem 0}figure svg{max-width:100%;height:auto}.points td{font-variant-numeric:tabular-nums;white-space:nowrap}
.rates td{font-variant-numeric:tabular-nums;white-space:nowrap}
.sequence .line{stroke:var(--line);fill:none}.sequence .head{text-anchor:middle;font-weight:700}
.sequence .when{text-anchor:end;fill:var(--soft)}.msg path{stroke:var(--ink);fill:none}.msg rect{fill:var(--soft)}
.msg .mid{font-size:10.5px;paint-order:stroke;stroke:var(--page);stroke-width:3px}
.msg .rule{stroke-dasharray:2 3;stroke:var(--good)}.s-mark text{fill:var(--good)}.s-mark .when{fill:var(--good)}
.s-fault rect{fill:var(--requests)}.s-work rect{fill:var(--device)}.s-step rect{fill:var(--cpu)}
.s-dma path{stroke:var(--soft)}.s-request path,.s-response path{stroke:var(--requests)}
.s-fence path{stroke:var(--iommu);stroke-width:1.5}.s-command path{stroke:var(--commands);stroke-width:1.5}
.origins{columns:2;padding-left:1.2rem;font-size:12px;color:var(--soft)}.o-guess td:last-child{color:var(--odd)}
#tip{position:fixed;z-index:4;max-width:34rem;background:var(--ink);color:var(--page);border-radius:4px;
padding:.3rem .6rem;font-size:12px;pointer-events:none;white-space:pre-line}
#details{position:fixed;z-index:3;right:0;top:0;bottom:0;width:min(36rem,92vw);overflow:auto;background:var(--page);
border-left:1px solid var(--line);box-shadow:-6px 0 18px #0003;padding:1rem 1.2rem}
[hidden]{display:none!important}
@media print{.wide,.panel>div,#comparison,#distribution,#configuration{overflow:visible}nav,#tip,#details,p.script{display:none!important}.scroll{max-height:none;overflow:visible;border:0}
body{font-size:11px}.gantt,.stack,.cdf,.sequence,.levels,.windows{min-width:0}.gantt,.sequence{break-inside:auto}
h2,h3,h4{break-after:avoid}tr,.card{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.differing td:first-child{white-space:nowrap}
)css";

} // namespace quiesce::platform::report

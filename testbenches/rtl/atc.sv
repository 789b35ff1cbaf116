// SPDX-License-Identifier: Apache-2.0
// The address translation cache of a device that writes, with the queue of what it has translated and not yet sent.
//
// A write looks its page up. A miss asks the IOMMU; the answer is kept, unless an invalidation of the page came while it
// was on its way: then it is asked for once more. A hit becomes a translated write, which waits here for the link.
//
// An invalidation empties what it covers in one cycle, and is complete when every write that was translated before it has
// ended. Writes have one of two colours for that: an invalidation changes the colour of those to come, and waits for the
// last one of the other. `drains` low makes the mistake of completing at once.
//
// Every valid and ready of this module comes from its registers alone.
module atc #(
    parameter int ENTRIES = 4,
    parameter int WAITING = 16  // translated writes that have a place here; a power of two
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        drains,
    // what the device wants to write
    input  logic        want_valid,
    output logic        want_ready,
    input  logic [19:0] want_pasid,
    input  logic [63:0] want_address,
    input  logic [31:0] want_data,
    // translation requests, one at a time, and their answers
    output logic        ask_valid,
    input  logic        ask_ready,
    output logic [19:0] ask_pasid,
    output logic [63:0] ask_address,
    input  logic        told_valid,
    input  logic        told_granted,
    input  logic [63:0] told_address,
    // translated writes, and the ends of those
    output logic        write_valid,
    input  logic        write_ready,
    output logic [63:0] write_address,
    output logic [31:0] write_data,
    output logic        write_colour,
    input  logic        ended_valid,
    input  logic        ended_colour,
    // invalidations
    input  logic        invalidate_valid,
    output logic        invalidate_ready,
    input  logic [4:0]  invalidate_tag,
    input  logic        invalidate_any_pasid,
    input  logic [19:0] invalidate_pasid,
    input  logic [63:0] invalidate_address,
    input  logic [63:0] invalidate_mask,  // bits of the address that count
    output logic        complete_valid,
    input  logic        complete_ready,
    output logic [4:0]  complete_tag,
    // for whoever watches
    output logic [31:0] live,    // translated writes that have not ended
    output logic [31:0] refused  // wants that the IOMMU refused, and that were dropped
);
    localparam int SLOT = $clog2(WAITING);
    localparam int WAY = $clog2(ENTRIES);
    localparam logic [63:0] OFFSET = 64'hfff;

    typedef enum logic [1:0] {LOOK_UP, ASK, LISTEN} step_t;
    typedef struct packed {
        logic        valid;
        logic [19:0] pasid;
        logic [63:0] page, to;
    } entry_t;
    typedef struct packed {
        logic        colour;
        logic [63:0] address;
        logic [31:0] data;
    } write_t;

    step_t step;
    entry_t entries[ENTRIES];
    logic [WAY-1:0] victim;
    write_t waiting[WAITING];
    logic [SLOT:0] head, tail;
    logic [31:0] live_of[2];
    logic colour, draining, drain_colour;
    logic [4:0] drain_tag;

    // The want that is being looked up.
    logic held;
    logic [19:0] held_pasid;
    logic [63:0] held_address;
    logic [31:0] held_data;
    logic overtaken;  // an invalidation of its page came since it was asked for

    logic hit;
    logic [63:0] hit_to;
    always_comb begin
        hit = 1'b0;
        hit_to = '0;
        for (int i = 0; i < ENTRIES; ++i)
            if (entries[i].valid && entries[i].pasid == held_pasid && entries[i].page == (held_address & ~OFFSET)) begin
                hit = 1'b1;
                hit_to = entries[i].to;
            end
    end

    function automatic logic covered(input logic [19:0] pasid, input logic [63:0] address);
        return (invalidate_any_pasid || pasid == invalidate_pasid)
            && ((address ^ invalidate_address) & invalidate_mask & ~OFFSET) == '0;
    endfunction

    wire full = (tail - head) == (SLOT + 1)'(WAITING);
    wire taken = invalidate_valid && invalidate_ready;
    wire push = step == LOOK_UP && held && hit && !full && !taken;
    wire pop = write_valid && write_ready;
    wire overtakes = taken && covered(held_pasid, held_address);

    assign want_ready = !held;
    assign ask_valid = step == ASK;
    assign ask_pasid = held_pasid;
    assign ask_address = held_address & ~OFFSET;
    assign write_valid = head != tail;
    assign write_address = waiting[head[SLOT-1:0]].address;
    assign write_data = waiting[head[SLOT-1:0]].data;
    assign write_colour = waiting[head[SLOT-1:0]].colour;
    assign invalidate_ready = !draining && !complete_valid;
    assign live = live_of[0] + live_of[1];

    always_ff @(posedge clk) begin
        if (want_valid && want_ready) begin
            held <= 1'b1;
            held_pasid <= want_pasid;
            held_address <= want_address;
            held_data <= want_data;
        end

        unique case (step)
            LOOK_UP: begin
                if (push) begin
                    waiting[tail[SLOT-1:0]] <= '{colour: colour, address: hit_to | (held_address & OFFSET), data: held_data};
                    tail <= tail + 1'b1;
                    held <= 1'b0;
                end else if (held && !hit) begin
                    step <= ASK;
                    overtaken <= 1'b0;
                end
            end
            ASK: begin
                if (overtakes) overtaken <= 1'b1;
                if (ask_ready) step <= LISTEN;
            end
            LISTEN: begin
                if (overtakes) overtaken <= 1'b1;
                if (told_valid) begin
                    step <= LOOK_UP;
                    if (!overtaken && !overtakes) begin
                        if (told_granted) begin
                            entries[victim] <= '{valid: 1'b1, pasid: held_pasid, page: held_address & ~OFFSET,
                                                 to: told_address & ~OFFSET};
                            victim <= victim + 1'b1;
                        end else begin
                            held <= 1'b0;
                            refused <= refused + 1;
                        end
                    end
                end
            end
            default: step <= LOOK_UP;
        endcase

        if (pop) head <= head + 1'b1;
        for (int c = 0; c < 2; ++c)
            live_of[c] <= live_of[c] + 32'(push && colour == c[0]) - 32'(ended_valid && ended_colour == c[0]);

        if (taken) begin
            for (int i = 0; i < ENTRIES; ++i) if (covered(entries[i].pasid, entries[i].page)) entries[i].valid <= 1'b0;
            draining <= 1'b1;
            drain_tag <= invalidate_tag;
            drain_colour <= colour;
            colour <= !colour;
        end
        if (draining && (!drains || live_of[drain_colour] == 0)) begin
            draining <= 1'b0;
            complete_valid <= 1'b1;
            complete_tag <= drain_tag;
        end
        if (complete_valid && complete_ready) complete_valid <= 1'b0;

        if (reset) begin
            step <= LOOK_UP;
            for (int i = 0; i < ENTRIES; ++i) entries[i].valid <= 1'b0;
            for (int c = 0; c < 2; ++c) live_of[c] <= '0;
            {victim, head, tail, refused} <= '0;
            {held, overtaken, colour, draining, complete_valid} <= '0;
        end
    end
endmodule

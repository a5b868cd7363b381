"""What a params, layout, instrument or measures file may hold, every fault told by its place."""

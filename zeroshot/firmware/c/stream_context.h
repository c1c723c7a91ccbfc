
    uint32_t hops, to_wait, begun; /* since the start, until the next decision; samples of the hop that has begun */
    int32_t scores[${NAME}_CLASSES];${past}